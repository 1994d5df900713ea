// Draws the pictures of sprites.json, which the Python renderer shares. SPRITES is put in by page.py.

const COLORS = SPRITES.colors;
const BUCKETS = [6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192];
const cache = new Map();

// [sprite, color] of an object: by its whole name, by the part before the color, or a sign of its own color.
function lookOf(typeName) {
  return look(SPRITES.objects, typeName) ?? ["unknown", colorOfName(typeName)];
}

function lookOfItem(name) {
  return look(SPRITES.items, name) ?? ["item", colorOfName(name)];
}

function look(table, name) {
  const found = Object.hasOwn(table, name) ? table[name] : null;
  if (found !== null) return [found[0], SPRITES.tints[found[1]]];
  const [base, tint] = name.split(/[_.]/, 2);
  if (!Object.hasOwn(table, base)) return null;
  return [table[base][0], Object.hasOwn(SPRITES.tints, tint ?? "") ? SPRITES.tints[tint] : SPRITES.tints[table[base][1]]];
}

function colorOfGroup(group) {
  const index = Number.isInteger(group) && group >= 0 ? group : 0;
  return SPRITES.groups[index % SPRITES.groups.length];
}

// A stable color for an unknown name.
function colorOfName(name) {
  let hash = 7;
  for (const byte of new TextEncoder().encode(name)) hash = (hash * 31 + byte) % 65521;
  return SPRITES.groups[hash % SPRITES.groups.length];
}

// A bitmap of at least `pixels` on a side.
function spriteBitmap(sprite, color, pixels) {
  const size = BUCKETS.find((bucket) => bucket >= pixels) ?? BUCKETS[BUCKETS.length - 1];
  const key = `${sprite}|${color}|${size}`;
  let bitmap = cache.get(key);
  if (bitmap === undefined) {
    bitmap = document.createElement("canvas");
    bitmap.width = size;
    bitmap.height = size;
    paintSprite(bitmap.getContext("2d"), sprite, color, size);
    cache.set(key, bitmap);
  }
  return bitmap;
}

function paintSprite(context, sprite, color, size) {
  const fills = { $main: color, $dark: mix(color, "#000000", 0.45), $light: mix(color, "#ffffff", 0.5) };
  context.save();
  context.scale(size, size);
  for (const [shape, ...rest] of SPRITES.sprites[sprite]) {
    const fill = rest.pop();
    context.fillStyle = context.strokeStyle = fills[fill] ?? fill;
    context.beginPath();
    if (shape === "rect") {
      const [x, y, width, height, radius] = rest;
      context.roundRect(x, y, width, height, radius);
      context.fill();
    } else if (shape === "circle") {
      context.arc(rest[0], rest[1], rest[2], 0, 2 * Math.PI);
      context.fill();
    } else if (shape === "ring") {
      context.lineWidth = rest[3];
      context.arc(rest[0], rest[1], rest[2], 0, 2 * Math.PI);
      context.stroke();
    } else if (shape === "line") {
      context.lineWidth = rest[4];
      context.lineCap = "round";
      context.moveTo(rest[0], rest[1]);
      context.lineTo(rest[2], rest[3]);
      context.stroke();
    } else {
      const points = rest[0];
      for (let i = 0; i < points.length; i += 2) context.lineTo(points[i], points[i + 1]);
      context.closePath();
      context.fill();
    }
  }
  context.restore();
}

function mix(color, other, share) {
  const parts = [1, 3, 5].map((i) => {
    const [a, b] = [color, other].map((text) => parseInt(text.slice(i, i + 2), 16));
    return Math.round(a + (b - a) * share).toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}
