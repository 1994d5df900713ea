// Reads a replay of format 1: bytes -> text -> JSON -> Replay. Whatever is wrong with a file becomes a ReplayError
// whose message is shown in the page; nothing in a file is trusted.

const MAX_TEXT_BYTES = 1 << 29;
const MAX_STEPS = 10000000;
const MAX_SIDE = 4096;
const MAX_OBJECTS = 2000000;

class ReplayError extends Error {}

async function readReplay(bytes) {
  const text = await readText(bytes);
  let data;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new ReplayError("The file is damaged: what it holds is not JSON.");
  }
  return new Replay(data);
}

async function readText(bytes) {
  if (bytes.length === 0) throw new ReplayError("The file is empty.");
  const first = bytes[0];
  const plain = first === 0x7b || first === 0x20 || first === 0x0a || first === 0x0d || first === 0x09;
  const content = plain ? bytes : await inflate(bytes, first === 0x1f && bytes[1] === 0x8b ? "gzip" : "deflate");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (error) {
    throw new ReplayError("The file is damaged: its text is not UTF-8.");
  }
}

async function inflate(bytes, format) {
  if (format === "deflate" && ((bytes[0] & 15) !== 8 || ((bytes[0] << 8) | bytes[1]) % 31 !== 0)) {
    throw new ReplayError("This is not a replay: neither compressed (.json.z) nor JSON.");
  }
  if (typeof DecompressionStream === "undefined") {
    throw new ReplayError("This browser cannot decompress replays. Use a newer one, or open the plain JSON.");
  }
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format)).getReader();
  const parts = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > MAX_TEXT_BYTES) break;
      parts.push(value);
    }
  } catch (error) {
    throw new ReplayError("The file is damaged or cut off: it cannot be decompressed.");
  }
  if (size > MAX_TEXT_BYTES) {
    reader.cancel().catch(() => {});
    throw new ReplayError("The file is too large: its content is more than 512 MB.");
  }
  const content = new Uint8Array(size);
  let end = 0;
  for (const part of parts) {
    content.set(part, end);
    end += part.length;
  }
  return content;
}

// A value over time. `at(step)` is the value of the last entry at or before the step.
class Series {
  constructor(steps, values) {
    this.steps = steps;
    this.values = values;
  }

  get constant() {
    return this.steps.length === 1;
  }

  indexAt(step) {
    let low = 0;
    let high = this.steps.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.steps[middle] <= step) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  at(step) {
    return this.values[this.indexAt(step)];
  }

  // Live play appends; a step that is known already is replaced.
  add(step, value) {
    const last = this.steps.length - 1;
    if (this.steps[last] === step) this.values[last] = value;
    else if (JSON.stringify(this.values[last]) !== JSON.stringify(value)) {
      this.steps.push(step);
      this.values.push(value);
    }
  }
}

// A series is a list of [step, value] pairs; everything else is a value that never changes.
function readSeries(value, where) {
  const isPair = (entry) => Array.isArray(entry) && entry.length === 2;
  if (!Array.isArray(value) || value.length === 0 || !value.every(isPair)) return new Series([0], [value]);
  const steps = value.map((entry) => entry[0]);
  for (let i = 0; i < steps.length; i += 1) {
    if (!isCount(steps[i]) || (i > 0 && steps[i] <= steps[i - 1])) {
      throw new ReplayError(`${where}: entry ${i} has step ${shortText(steps[i])}; steps are counts and must grow.`);
    }
  }
  return new Series(steps, value.map((entry) => entry[1]));
}

class Replay {
  constructor(data) {
    if (!isTable(data)) throw new ReplayError("This is not a replay: its content is not a JSON object.");
    if (data.version !== 1) {
      throw new ReplayError(`version: ${shortText(data.version)} is not 1, the version that this page plays.`);
    }
    this.actionNames = names(data, "action_names");
    this.itemNames = "inventory_items" in data ? names(data, "inventory_items") : [];
    this.typeNames = names(data, "object_types");
    const size = data.map_size;
    if (!Array.isArray(size) || size.length !== 2 || !size.every((n) => isCount(n) && n >= 1 && n <= MAX_SIDE)) {
      throw new ReplayError(`map_size: ${shortText(size)} is not [width, height], each in 1..${MAX_SIDE}.`);
    }
    [this.width, this.height] = size;
    if (!isCount(data.max_steps) || data.max_steps < 1 || data.max_steps > MAX_STEPS) {
      throw new ReplayError(`max_steps: ${shortText(data.max_steps)} is not in 1..${MAX_STEPS}.`);
    }
    this.numSteps = data.max_steps;
    if (!Array.isArray(data.grid_objects)) throw new ReplayError("grid_objects: this list is missing.");
    if (data.grid_objects.length > MAX_OBJECTS) throw new ReplayError(`grid_objects: more than ${MAX_OBJECTS}.`);
    this.objects = [];
    data.grid_objects.forEach((fields, index) => {
      if (fields !== null) this.objects.push(new GridObject(fields, index, this));
    });
    this.agents = this.objects.filter((object) => object.isAgent).sort((a, b) => a.agentId - b.agentId);
    this.byId = new Map(this.objects.map((object) => [object.id, object]));
    this.game = tableAt(tableAt(data, "config"), "game");
    // A configuration may be wrapped again, like that of an environment in a curriculum.
    if (this.game === null) this.game = tableAt(tableAt(tableAt(data, "config"), "env"), "game");
    this.viewWidth = windowSide(this.game, "obs_width");
    this.viewHeight = windowSide(this.game, "obs_height");
  }

  // {inputs: [[item, amount]], outputs, ticks, cooldown, maxOutput}, or null if the configuration does not say.
  recipe(typeName) {
    const thing = tableAt(tableAt(this.game, "objects"), typeName);
    if (thing === null) return null;
    const amounts = (side) => {
      const table = tableAt(thing, `${side}_resources`);
      const pairs = table !== null
        ? Object.entries(table)
        : Object.entries(thing).filter(([key]) => key.startsWith(`${side}_`)).map(([key, n]) => [key.slice(side.length + 1), n]);
      return pairs.filter(([, n]) => typeof n === "number" && n > 0);
    };
    const inputs = amounts("input");
    const outputs = amounts("output");
    if (inputs.length === 0 && outputs.length === 0) return null;
    const number = (key) => (typeof thing[key] === "number" ? thing[key] : null);
    return { inputs, outputs, ticks: number("conversion_ticks"), cooldown: number("cooldown"), maxOutput: number("max_output") };
  }
}

class GridObject {
  constructor(fields, index, replay) {
    const where = `grid_objects[${index}]`;
    if (!isTable(fields)) throw new ReplayError(`${where}: ${shortText(fields)} is not an object.`);
    this.index = index;
    this.series = new Map();
    for (const [name, value] of Object.entries(fields)) {
      if (value !== null) this.series.set(name, readSeries(value, `${where}.${shortText(name)}`));
    }
    const id = this.value("id", 0, index + 1);
    this.id = isCount(id) ? id : index + 1;
    const type = this.value("type", 0, null);
    if (!isCount(type)) throw new ReplayError(`${where}.type: ${shortText(type)} is not a type number.`);
    const typeName = this.value("type_name", 0, replay.typeNames[type]);
    this.typeName = typeof typeName === "string" ? typeName : "";
    this.rows = this.cells("r", replay.height, where);
    this.columns = this.cells("c", replay.width, where);
    const agentId = this.value("agent_id", 0, null);
    this.isAgent = isCount(agentId) || /^agent(\.|$)/.test(this.typeName);
    this.agentId = isCount(agentId) ? agentId : index;
    this.stock = [...this.series].filter(([name]) => name.startsWith("inv:")).map(([name, series]) => [name.slice(4), series]);
    this.moves = this.isAgent || !this.rows.constant || !this.columns.constant;
  }

  cells(name, size, where) {
    const series = this.series.get(name);
    const wrong = series === undefined ? undefined : series.values.find((n) => !isCount(n) || n >= size);
    if (series === undefined || wrong !== undefined) {
      throw new ReplayError(`${where}.${name}: ${shortText(wrong)} is not in 0..${size - 1}.`);
    }
    return series;
  }

  value(name, step, otherwise) {
    const series = this.series.get(name);
    return series === undefined ? otherwise : series.at(step);
  }

  number(name, step) {
    const value = this.value(name, step, 0);
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
  }

  orientation(step) {
    const value = this.series.has("orientation") ? this.number("orientation", step) : this.number("agent:orientation", step);
    return value >= 0 && value <= 3 ? Math.floor(value) : 0;
  }

  frozen(step) {
    return this.series.has("frozen") ? this.number("frozen", step) : this.number("agent:frozen", step);
  }

  converting(step) {
    return this.number("converting", step) > 0;
  }

  // [type, argument], or null.
  action(step) {
    const action = this.value("action", step, null);
    return Array.isArray(action) && action.length === 2 && action.every(Number.isInteger) ? action : null;
  }

  succeeded(step) {
    const value = this.value("action_success", step, null);
    return typeof value === "boolean" || typeof value === "number" ? Boolean(value) : null;
  }

  // [[item name, amount]] of what it holds, in the order of the items.
  inventory(step, itemNames) {
    const held = this.value("inventory", step, null);
    const found = [];
    if (isTable(held)) {
      for (const [item, amount] of Object.entries(held)) {
        if (typeof amount === "number" && amount > 0) found.push([itemNames[item] ?? `item ${item}`, amount]);
      }
      return found;
    }
    for (const [name, series] of this.stock) {
      const amount = series.at(step);
      if (typeof amount === "number" && amount > 0) found.push([name, amount]);
    }
    return found;
  }
}

function names(data, key) {
  const list = data[key];
  if (!Array.isArray(list)) throw new ReplayError(`${key}: this list is missing.`);
  return list.map((name) => (typeof name === "string" ? name : ""));
}

function windowSide(game, key) {
  const side = game === null ? null : game[key];
  return isCount(side) && side % 2 === 1 && side <= 255 ? side : 11;
}

function tableAt(table, key) {
  return table !== null && Object.hasOwn(table, key) && isTable(table[key]) ? table[key] : null;
}

function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

// What a message or a panel shows of a value of the file: at most this many characters.
function shortText(value, length = 60) {
  const text = typeof value === "string" ? value : value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
