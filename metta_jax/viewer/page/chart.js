// Reward so far as a line, and a strip with the color of each action, for one agent or for all of them.

const ACTION_COLORS = {
  attack: "#ff6a3d", change_color: "#b98cff", change_glyph: "#d8a3ff", get_output: "#5fd38d", move: "#4aa8ff",
  noop: "#3a4454", put_recipe_items: "#ffd24a", rotate: "#6f86a8", swap: "#4fd8d8",
};

const [EARNED, LOST] = ["#6fd694", "#ff8a80"];

function legendEntry(text, color) {
  const entry = make("span", "", text);
  const dot = make("i");
  dot.style.background = color;
  entry.prepend(dot);
  return entry;
}

function colorOfAction(name) {
  return Object.hasOwn(ACTION_COLORS, name) ? ACTION_COLORS[name] : colorOfName(name);
}

class Chart {
  constructor(canvas, title, legend, onSeek) {
    Object.assign(this, { canvas, title, legend, replay: null });
    const seek = (event) => {
      if (this.replay === null) return;
      const box = canvas.getBoundingClientRect();
      onSeek(Math.round(clamp((event.clientX - box.left) / box.width, 0, 1) * (this.replay.numSteps - 1)));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => event.buttons === 1 && seek(event));
  }

  // Draws everything but the cursor into a bitmap of its own.
  show(replay, object) {
    this.replay = replay;
    const alone = object !== null && object.isAgent;
    const agents = alone ? [object] : replay.agents;
    this.title.textContent = alone ? `Reward and actions of ${nameOf(object)}` : "Reward of all agents";
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    const width = (this.canvas.width = Math.max(1, Math.round(box.width * ratio)));
    const height = (this.canvas.height = Math.max(1, Math.round(box.height * ratio)));
    this.picture = document.createElement("canvas");
    this.picture.width = width;
    this.picture.height = height;
    const context = this.picture.getContext("2d");
    const stepAt = (x) => Math.round((x / Math.max(1, width - 1)) * (replay.numSteps - 1));
    const values = [];
    for (let x = 0; x < width; x += 1) {
      values.push(agents.reduce((sum, agent) => sum + agent.number("total_reward", stepAt(x)), 0));
    }
    const strip = alone ? Math.round(14 * ratio) : 0;
    this.drawLine(context, values, width, height - strip, ratio);
    if (alone) {
      for (let x = 0; x < width; x += 1) {
        const step = stepAt(x);
        const action = object.action(step);
        if (action === null) continue;
        context.fillStyle = colorOfAction(replay.actionNames[action[0]] ?? "");
        context.globalAlpha = object.succeeded(step) === false ? 0.35 : 1;
        context.fillRect(x, height - strip, 1, strip);
      }
      context.globalAlpha = 1;
    }
    const actions = alone ? replay.actionNames.slice(0, 24) : [];
    this.legend.replaceChildren(
      ...actions.map((name) => legendEntry(shortText(name, 24), colorOfAction(name))),
      ...[["earned", EARNED], ["lost", LOST]].map(([text, color]) => legendEntry(`mark above the slider: reward ${text}`, color)),
    );
  }

  drawLine(context, values, width, height, ratio) {
    let [low, high] = [0, 0];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const pad = 16 * ratio;
    const y = (value) => height - 4 * ratio - ((value - low) / (high - low || 1)) * (height - pad - 4 * ratio);
    context.strokeStyle = "#2b3646";
    context.lineWidth = ratio;
    context.beginPath();
    context.moveTo(0, y(0));
    context.lineTo(width, y(0));
    context.stroke();
    const line = new Path2D();
    values.forEach((value, x) => line.lineTo(x, y(value)));
    const area = new Path2D(line);
    area.lineTo(width, y(0));
    area.lineTo(0, y(0));
    context.fillStyle = "#6db3ff26";
    context.fill(area);
    context.strokeStyle = "#6db3ff";
    context.lineWidth = 1.5 * ratio;
    context.stroke(line);
    context.fillStyle = "#8b97a8";
    context.font = `${10 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
    context.fillText(asReward(high), 5 * ratio, 12 * ratio);
    if (low < 0) context.fillText(asReward(low), 5 * ratio, height - 4 * ratio);
  }

  draw(time) {
    if (this.replay === null) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.clearRect(0, 0, width, height);
    context.drawImage(this.picture, 0, 0);
    const x = (time / Math.max(1, this.replay.numSteps - 1)) * (width - 1);
    context.fillStyle = "#ffffffcc";
    context.fillRect(Math.round(x), 0, Math.max(1, window.devicePixelRatio || 1), height);
  }
}

// Small marks above the scrub bar: green where an agent earned something, red where it lost.
function drawEvents(canvas, replay, object) {
  const ratio = window.devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = (canvas.width = Math.max(1, Math.round(box.width * ratio)));
  const height = (canvas.height = Math.max(1, Math.round(box.height * ratio)));
  const context = canvas.getContext("2d");
  const agents = object !== null && object.isAgent ? [object] : replay.agents;
  const marks = new Float64Array(width);
  for (const agent of agents) {
    const rewards = agent.series.get("reward");
    if (rewards === undefined) continue;
    rewards.steps.forEach((step, i) => {
      const value = rewards.values[i];
      const x = Math.round((step / Math.max(1, replay.numSteps - 1)) * (width - 1));
      if (typeof value === "number" && x < width && Math.abs(value) > Math.abs(marks[x])) marks[x] = value;
    });
  }
  let largest = 0;
  for (const value of marks) largest = Math.max(largest, Math.abs(value));
  marks.forEach((value, x) => {
    if (value === 0 || !(largest > 0)) return;
    const tall = Math.max(2 * ratio, (Math.abs(value) / largest) * height);
    context.fillStyle = value > 0 ? EARNED : LOST;
    context.fillRect(x, height - tall, Math.max(1, ratio), tall);
  });
}
