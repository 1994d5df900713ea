// The map: a camera, a layer of what never changes, and what is redrawn each frame.

const MAX_LAYER_SIDE = 4096;
const DIRECTIONS = [[-1, 0], [1, 0], [0, -1], [0, 1]]; // up, down, left, right as (row, column)
const TURNS = [0, Math.PI, -Math.PI / 2, Math.PI / 2];

class Scene {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.replay = null;
    this.layer = null;
    this.zoom = 16; // CSS pixels of a cell
    this.center = { row: 0, column: 0 }; // in cells; whole numbers are the upper left corners of cells
  }

  show(replay) {
    this.replay = replay;
    this.fixed = [];
    this.sort();
    this.resize();
    this.fit();
  }

  // What is drawn once and what in each frame; live play may set a block in motion.
  sort() {
    const { replay } = this;
    const numFixed = this.fixed.length;
    this.agents = replay.agents;
    this.fixed = replay.objects.filter((object) => !object.moves);
    this.moving = replay.objects.filter((object) => object.moves && !object.isAgent);
    this.stocked = replay.objects.filter((object) => !object.isAgent && (object.series.has("converting") || object.stock.length > 0));
    if (this.fixed.length !== numFixed) this.layer = null;
  }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    this.ratio = ratio;
    this.width = Math.max(1, box.width);
    this.height = Math.max(1, box.height);
    this.canvas.width = Math.round(this.width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
  }

  fit() {
    if (this.replay === null) return;
    const { width, height } = this.replay;
    this.zoom = clamp(Math.min((this.width - 24) / width, (this.height - 24) / height), 2, 96);
    this.center = { row: height / 2, column: width / 2 };
    this.fitted = true; // until it is moved
  }

  // Client coordinates of the middle of a cell.
  cellToScreen(row, column) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: box.left + this.width / 2 + (column + 0.5 - this.center.column) * this.zoom,
      y: box.top + this.height / 2 + (row + 0.5 - this.center.row) * this.zoom,
    };
  }

  // The point of the map under client coordinates, in cells.
  pointAt(x, y) {
    const box = this.canvas.getBoundingClientRect();
    return {
      row: (y - box.top - this.height / 2) / this.zoom + this.center.row,
      column: (x - box.left - this.width / 2) / this.zoom + this.center.column,
    };
  }

  objectAt(x, y, step) {
    if (this.replay === null) return null;
    const point = this.pointAt(x, y);
    const [row, column] = [Math.floor(point.row), Math.floor(point.column)];
    const here = (object) => object.rows.at(step) === row && object.columns.at(step) === column;
    return this.agents.find(here) ?? this.moving.find(here) ?? this.fixed.find(here) ?? null;
  }

  // Zooms so that the point under the pointer stays where it is.
  zoomAt(x, y, factor) {
    const before = this.pointAt(x, y);
    this.zoom = clamp(this.zoom * factor, 2, 160);
    const after = this.pointAt(x, y);
    this.moveTo(this.center.row + before.row - after.row, this.center.column + before.column - after.column);
  }

  moveTo(row, column) {
    this.fitted = false;
    this.center = { row: clamp(row, 0, this.replay.height), column: clamp(column, 0, this.replay.width) };
  }

  // Where an object is at a moment between two steps; a step of at most one cell is drawn as a motion.
  place(object, time) {
    const step = Math.floor(time);
    const [row, column] = [object.rows.at(step), object.columns.at(step)];
    const share = time - step;
    if (share === 0 || !object.moves) return { row, column };
    const [down, right] = [object.rows.at(step + 1) - row, object.columns.at(step + 1) - column];
    if (Math.abs(down) > 1 || Math.abs(right) > 1) return { row, column };
    return { row: row + down * share, column: column + right * share };
  }

  draw(time, { selected, hovered, showWindow }) {
    const context = this.context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = COLORS.page;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (this.replay === null) return;
    const pixels = this.zoom * this.ratio; // device pixels of a cell
    this.pixels = pixels;
    // Whole pixels: at rest the map is crisp.
    this.left = Math.round(this.canvas.width / 2 - this.center.column * pixels);
    this.top = Math.round(this.canvas.height / 2 - this.center.row * pixels);
    const step = Math.floor(time);

    this.drawFixed(pixels);
    for (const object of this.moving) this.drawBody(object, this.place(object, time), step);
    if (pixels >= 9) for (const object of this.stocked) this.drawStock(object, this.place(object, time), step);
    if (selected !== null && selected.isAgent) this.drawTrail(selected, time);
    for (const agent of this.agents) this.drawAttack(agent, time, step);
    for (const agent of this.agents) this.drawAgent(agent, this.place(agent, time), step);
    if (selected !== null && selected.isAgent && showWindow) this.drawWindow(this.place(selected, time));
    if (hovered !== null && hovered !== selected) this.drawFrame(this.place(hovered, time), "#ffffff66", 1);
    if (selected !== null) this.drawFrame(this.place(selected, time), "#ffffff", 2);
  }

  // One bitmap of floor, walls and converters while cells are small; single pictures where few, large cells are seen.
  drawFixed(pixels) {
    const { width, height } = this.replay;
    const limit = Math.floor(MAX_LAYER_SIDE / Math.max(width, height));
    const size = Math.min(BUCKETS.find((bucket) => bucket >= pixels) ?? 192, Math.max(2, limit));
    const context = this.context;
    if (size >= pixels) {
      if (this.layer === null || this.layerSize !== size) this.makeLayer(size);
      context.imageSmoothingEnabled = true;
      context.drawImage(this.layer, this.left, this.top, width * pixels, height * pixels);
      return;
    }
    this.paintFloor(context, this.left, this.top, pixels);
    for (const object of this.fixed) this.drawBody(object, { row: object.rows.at(0), column: object.columns.at(0) }, 0);
  }

  makeLayer(size) {
    this.layer = document.createElement("canvas");
    this.layer.width = this.replay.width * size;
    this.layer.height = this.replay.height * size;
    this.layerSize = size;
    const context = this.layer.getContext("2d", { alpha: false });
    this.paintFloor(context, 0, 0, size);
    for (const object of this.fixed) {
      const [sprite, color] = lookOf(object.typeName);
      context.drawImage(spriteBitmap(sprite, color, size), object.columns.at(0) * size, object.rows.at(0) * size, size, size);
    }
  }

  paintFloor(context, left, top, pixels) {
    const { width, height } = this.replay;
    context.fillStyle = COLORS.floor;
    context.fillRect(left, top, width * pixels, height * pixels);
    context.fillStyle = COLORS.floor_odd;
    for (let row = 0; row < height; row += 1) {
      if (top + (row + 1) * pixels < 0 || top + row * pixels > context.canvas.height) continue;
      for (let column = (row + 1) % 2; column < width; column += 2) {
        const x = left + column * pixels;
        if (x + pixels >= 0 && x <= context.canvas.width) context.fillRect(x, top + row * pixels, pixels, pixels);
      }
    }
  }

  // The upper left corner in device pixels, or null if the cell is out of sight.
  corner(place, margin = 0) {
    const x = this.left + place.column * this.pixels;
    const y = this.top + place.row * this.pixels;
    const far = (margin + 1) * this.pixels;
    return x < -far || y < -far || x > this.canvas.width + far || y > this.canvas.height + far ? null : { x, y };
  }

  drawBody(object, place) {
    const at = this.corner(place);
    if (at === null) return;
    const [sprite, color] = lookOf(object.typeName);
    this.context.drawImage(spriteBitmap(sprite, color, this.pixels), at.x, at.y, this.pixels, this.pixels);
  }

  // What a converter holds, as small pictures at its lower edge, and a ring while it is busy.
  drawStock(object, place, step) {
    const at = this.corner(place);
    if (at === null) return;
    const { context, pixels } = this;
    if (object.converting(step)) {
      context.drawImage(spriteBitmap("busy", "#000000", pixels), at.x, at.y, pixels, pixels);
    }
    const side = pixels * 0.3;
    let x = at.x + pixels * 0.04;
    for (const [name, series] of object.stock) {
      const amount = series.at(step);
      if (!(amount > 0) || x + side > at.x + pixels) continue;
      context.drawImage(spriteBitmap(...lookOfItem(name), side), x, at.y + pixels - side, side, side);
      x += side;
      if (pixels >= 30) {
        this.write(String(amount), x + side * 0.35, at.y + pixels - side * 0.45, side * 0.95, "#ffffff");
        x += side * 0.7;
      }
    }
  }

  drawAgent(agent, place, step) {
    const at = this.corner(place);
    if (at === null) return;
    const { context, pixels } = this;
    const half = pixels / 2;
    const color = colorOfGroup(agent.number("agent:group", step));
    context.save();
    context.translate(at.x + half, at.y + half);
    context.rotate(TURNS[agent.orientation(step)]);
    context.drawImage(spriteBitmap("agent", color, pixels), -half, -half, pixels, pixels);
    context.restore();
    if (pixels >= 22) {
      // On its back, so that the number never hides the face.
      const [down, right] = DIRECTIONS[agent.orientation(step)];
      this.write(String(agent.agentId), at.x + half - right * pixels * 0.18, at.y + half - down * pixels * 0.2, pixels * 0.27, "#0d1117");
    }
    if (agent.frozen(step) !== 0) context.drawImage(spriteBitmap("frozen", "#000000", pixels), at.x, at.y, pixels, pixels);
  }

  // A successful attack reaches three rows ahead.
  drawAttack(agent, time, step) {
    const action = agent.action(step);
    if (action === null || this.replay.actionNames[action[0]] !== "attack" || !agent.succeeded(step)) return;
    const place = this.place(agent, time);
    const at = this.corner(place, 3);
    if (at === null) return;
    const { context, pixels } = this;
    const [down, right] = DIRECTIONS[agent.orientation(step)];
    const [x, y] = [at.x + pixels / 2, at.y + pixels / 2];
    context.fillStyle = "#ff6a3d40";
    context.strokeStyle = "#ff6a3d";
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + (3.4 * right - 1.4 * down) * pixels, y + (3.4 * down - 1.4 * right) * pixels);
    context.lineTo(x + (3.4 * right + 1.4 * down) * pixels, y + (3.4 * down + 1.4 * right) * pixels);
    context.closePath();
    context.fill();
    context.lineWidth = Math.max(1, pixels * 0.04);
    context.stroke();
  }

  // Where an agent was in the last 60 steps.
  drawTrail(agent, time) {
    const { context, pixels } = this;
    const last = Math.floor(time);
    context.strokeStyle = colorOfGroup(agent.number("agent:group", last));
    context.lineWidth = Math.max(1.5, pixels * 0.08);
    context.lineCap = "butt";
    let before = null;
    for (let step = Math.max(0, last - 60); step <= last + 1; step += 1) {
      const place = step <= last ? this.place(agent, step) : this.place(agent, time);
      const jump = before !== null && Math.abs(place.row - before.row) + Math.abs(place.column - before.column) > 1.5;
      if (before !== null && !jump) {
        context.globalAlpha = 0.05 + 0.45 * (1 - (last - step + 1) / 61);
        context.beginPath();
        context.moveTo(this.left + (before.column + 0.5) * pixels, this.top + (before.row + 0.5) * pixels);
        context.lineTo(this.left + (place.column + 0.5) * pixels, this.top + (place.row + 0.5) * pixels);
        context.stroke();
      }
      before = place;
    }
    context.globalAlpha = 1;
  }

  // What the selected agent sees; the rest of the map is dimmed.
  drawWindow(place) {
    const { context, pixels, replay } = this;
    const [halfWidth, halfHeight] = [(replay.viewWidth - 1) / 2, (replay.viewHeight - 1) / 2];
    const x = this.left + (place.column - halfWidth) * pixels;
    const y = this.top + (place.row - halfHeight) * pixels;
    const [width, height] = [replay.viewWidth * pixels, replay.viewHeight * pixels];
    context.fillStyle = "#05080c80";
    context.fillRect(0, 0, this.canvas.width, Math.max(0, y));
    context.fillRect(0, y + height, this.canvas.width, Math.max(0, this.canvas.height - y - height));
    context.fillRect(0, y, Math.max(0, x), height);
    context.fillRect(x + width, y, Math.max(0, this.canvas.width - x - width), height);
    context.strokeStyle = "#ffffffb0";
    context.lineWidth = Math.max(1, this.ratio);
    context.setLineDash([6 * this.ratio, 4 * this.ratio]);
    context.strokeRect(x, y, width, height);
    context.setLineDash([]);
  }

  drawFrame(place, color, width) {
    const at = this.corner(place);
    if (at === null) return;
    const context = this.context;
    context.strokeStyle = color;
    context.lineWidth = width * this.ratio;
    context.beginPath();
    context.roundRect(at.x, at.y, this.pixels, this.pixels, this.pixels * 0.18);
    context.stroke();
  }

  write(text, x, y, size, color) {
    const context = this.context;
    context.font = `700 ${size}px system-ui, "DejaVu Sans", sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = color;
    context.fillText(text, x, y);
  }
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), Math.max(low, high));
}
