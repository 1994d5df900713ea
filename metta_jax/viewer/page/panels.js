// The panels next to the map. Text of the file enters the page as textContent only.

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function icon(look, size) {
  const canvas = make("canvas");
  canvas.width = canvas.height = size;
  canvas.getContext("2d").drawImage(spriteBitmap(...look, size), 0, 0, size, size);
  return canvas;
}

function lookOfObject(object, step) {
  return object.isAgent ? ["agent", colorOfGroup(object.number("agent:group", step))] : lookOf(object.typeName);
}

function nameOf(object) {
  return object.isAgent ? `agent ${object.agentId}` : shortText(object.typeName || "nameless object");
}

// `rotate down`; what has no words is shown by name or number, and argument. ACTION_WORDS is put in by page.py.
function describeAction(replay, action) {
  if (action === null) return "–";
  const name = replay.actionNames[action[0]];
  if (!name) return `type ${action[0]}, ${action[1]}`;
  const words = Object.hasOwn(ACTION_WORDS, name) ? ACTION_WORDS[name] : [];
  return words[action[1]] ?? `${shortText(name, 24)} ${action[1]}`;
}

function count(number, name) {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}

function asReward(value) {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Math.round(value * 1000) / 1000);
}

// The lines that follow the pointer.
function tipOf(replay, object, step) {
  const lines = [`${nameOf(object)}  ·  row ${object.rows.at(step)}, column ${object.columns.at(step)}`];
  if (object.isAgent) lines.push(describeAction(replay, object.action(step)));
  if (object.isAgent && object.frozen(step) !== 0) lines.push(`frozen, ${object.frozen(step)} left`);
  if (object.converting(step)) lines.push("converting or cooling down");
  const held = object.inventory(step, replay.itemNames);
  if (held.length > 0) lines.push(held.slice(0, 6).map(([name, n]) => `${n} ${shortText(name, 24)}`).join(", "));
  return lines.join("\n");
}

class Details {
  constructor(root) {
    this.root = root;
  }

  show(replay, object, step) {
    this.shown = "";
    this.update(replay, object, step);
  }

  // Rebuilds the panel only when its content has changed.
  update(replay, object, step) {
    const content = object === null ? this.episode(replay, step) : this.object(replay, object, step);
    const signature = JSON.stringify(content);
    if (signature === this.shown) return;
    this.shown = signature;
    const head = make("div", "head");
    if (content.look) head.append(icon(content.look, 80));
    const title = make("div");
    title.append(make("strong", "", content.title), make("span", "quiet", content.subtitle));
    head.append(title);
    const parts = [head];
    if (content.chips.length > 0) parts.push(row("chips", content.chips.map(([text, kind]) => make("span", `chip ${kind}`, text))));
    if (content.facts.length > 0) {
      parts.push(row("rows", content.facts.flatMap(([name, text, kind]) => [make("span", "", name), make("span", kind ?? "", text)])));
    }
    if (content.held !== null) {
      parts.push(make("h3", "", "Inventory"));
      parts.push(content.held.length > 0 ? row("chips", content.held.map(itemChip)) : make("div", "quiet", "empty"));
    }
    if (content.recipe !== null) {
      parts.push(make("h3", "", "Recipe"));
      const { inputs, outputs } = content.recipe;
      const nothing = () => [make("span", "quiet", "nothing")];
      parts.push(row("recipe", [
        ...(inputs.length > 0 ? inputs.map(itemChip) : nothing()),
        make("span", "quiet", "→"),
        ...(outputs.length > 0 ? outputs.map(itemChip) : nothing()),
      ]));
      parts.push(make("div", "quiet", content.times));
    }
    this.root.replaceChildren(...parts);
  }

  episode(replay, step) {
    const total = replay.agents.reduce((sum, agent) => sum + agent.number("total_reward", step), 0);
    const frozen = replay.agents.filter((agent) => agent.frozen(step) !== 0).length;
    return {
      look: null, title: "All agents", subtitle: "Click an object, or press n for the next agent", chips: [], held: null, recipe: null,
      facts: [["agents", String(replay.agents.length)], ["frozen", String(frozen)], ["total reward", asReward(total)]],
    };
  }

  object(replay, object, step) {
    const chips = [];
    const facts = [];
    if (object.isAgent) {
      const group = object.value("group_name", step, null);
      if (typeof group === "string") chips.push([`group ${shortText(group, 30)}`, ""]);
      if (object.frozen(step) !== 0) chips.push([`frozen, ${object.frozen(step)} left`, "ice"]);
      const done = object.succeeded(step);
      facts.push(["action", describeAction(replay, object.action(step))]);
      if (done !== null) facts.push(["outcome", done ? "succeeded" : "failed", done ? "good" : "bad"]);
      facts.push(["facing", ["up", "down", "left", "right"][object.orientation(step)]]);
      facts.push(["reward", asReward(object.number("reward", step))]);
      facts.push(["total reward", asReward(object.number("total_reward", step))]);
    }
    if (object.converting(step)) chips.push(["converting or cooling down", "busy"]);
    if (object.number("swappable", step) > 0) chips.push(["can be swapped", ""]);
    for (const [feature, name] of [["agent:color", "color"], ["agent:glyph", "glyph"]]) {
      if (object.number(feature, step) > 0) facts.push([name, String(object.number(feature, step))]);
    }
    const recipe = replay.recipe(object.typeName);
    return {
      look: lookOfObject(object, step), title: nameOf(object),
      subtitle: `id ${object.id}  ·  row ${object.rows.at(step)}, column ${object.columns.at(step)}`,
      chips, facts, recipe, times: recipe === null ? "" : timesOf(recipe),
      held: object.isAgent || recipe !== null || object.stock.length > 0 ? object.inventory(step, replay.itemNames).slice(0, 40) : null,
    };
  }
}

function timesOf({ ticks, cooldown, maxOutput }) {
  const parts = [];
  if (ticks !== null) parts.push(`takes ${count(ticks, "step")}`);
  if (cooldown !== null) parts.push(`cools down for ${cooldown}`);
  if (maxOutput !== null && maxOutput >= 0) parts.push(`stops at ${maxOutput} held`);
  return parts.join(", ");
}

function row(className, children) {
  const element = make("div", className);
  element.append(...children);
  return element;
}

function itemChip([name, amount]) {
  const chip = make("span", "chip");
  chip.append(icon(lookOfItem(name), 30), make("span", "", `${amount} ${shortText(name, 24)}`));
  return chip;
}

class AgentList {
  constructor(root, onSelect) {
    this.root = root;
    this.onSelect = onSelect;
  }

  show(replay, step) {
    this.replay = replay;
    this.rows = replay.agents.map((agent) => {
      const line = make("div", "agent");
      line.setAttribute("role", "option");
      line.tabIndex = -1;
      const name = make("span", "name");
      const dot = make("i");
      name.append(dot, make("span", "", String(agent.agentId)));
      const cells = { agent, line, dot, did: make("span", "did"), holds: make("span", "holds"), total: make("span", "total"), shown: "", held: "" };
      line.append(name, cells.did, cells.holds, cells.total);
      line.addEventListener("click", () => this.onSelect(agent));
      return cells;
    });
    this.root.replaceChildren(...this.rows.map((cells) => cells.line));
    this.select(null);
    this.update(step);
  }

  select(object) {
    for (const { agent, line } of this.rows) {
      line.setAttribute("aria-selected", String(agent === object));
      if (agent === object) this.reveal(line);
    }
  }

  // Scrolls the list, and nothing around it: on a narrow page everything would jump.
  reveal(line) {
    const top = line.offsetTop - this.root.offsetTop;
    const { scrollTop, clientHeight } = this.root;
    if (top < scrollTop) this.root.scrollTop = top;
    else if (top + line.offsetHeight > scrollTop + clientHeight) this.root.scrollTop = top + line.offsetHeight - clientHeight;
  }

  update(step) {
    for (const cells of this.rows) {
      const { agent } = cells;
      const frozen = agent.frozen(step) !== 0;
      const did = frozen ? "frozen" : describeAction(this.replay, agent.action(step));
      const kind = frozen ? "did ice" : agent.succeeded(step) === false ? "did failed" : "did";
      const total = asReward(agent.number("total_reward", step));
      const color = colorOfGroup(agent.number("agent:group", step));
      const shown = `${did}|${kind}|${total}|${color}`;
      if (shown !== cells.shown) {
        cells.shown = shown;
        cells.did.textContent = did;
        cells.did.className = kind;
        cells.total.textContent = total;
        cells.dot.style.background = color;
      }
      const held = agent.inventory(step, this.replay.itemNames).slice(0, 4);
      const text = JSON.stringify(held);
      if (text !== cells.held) {
        cells.held = text;
        cells.holds.replaceChildren(...held.map(([name, amount]) => {
          const part = make("span", "", String(amount));
          part.prepend(icon(lookOfItem(name), 24));
          return part;
        }));
      }
    }
  }
}
