// Live play: a world that grows step by step, and keys that move the selected agent. LIVE_ADDRESS is put in by page.py.

const LIVE_KEYS = [
  [["←", "↑", "→", "↓"], "turn there, or walk if it looks there"], [["b"], "one step back"], [["space"], "wait"], [["g"], "take"],
  [["t"], "put"], [["a", "1 – 9"], "attack"], [["s"], "swap"], [["c"], "next color"], [["y"], "next glyph"],
  [["n", "p"], "next, previous agent"], [["f", "v"], "follow, show what it sees"], [["z", "x", "0"], "zoom, whole map"], [["?"], "these keys"],
];
const ARROWS = { ArrowUp: 0, ArrowDown: 1, ArrowLeft: 2, ArrowRight: 3 };

function startLive(player, address) {
  const socket = new WebSocket(address);
  const send = (action) => {
    if (socket.readyState === WebSocket.OPEN && player.selected?.isAgent) {
      socket.send(JSON.stringify({ type: "action", agent_id: player.selected.agentId, action }));
    }
  };
  player.say("Connecting…", "");
  socket.addEventListener("message", (event) => {
    try {
      receive(player, JSON.parse(event.data));
    } catch (error) {
      player.fail("the live game", error instanceof ReplayError ? error.message : "A message does not follow the format.");
    }
  });
  socket.addEventListener("close", () => notice("The connection is closed: start play again and reload this page."));
  player.keyHandlers.push((event) => {
    const action = player.selected?.isAgent ? actionOfKey(player, event.key) : null;
    if (action !== null) send(action);
    return action !== null || Object.hasOwn(ARROWS, event.key) || event.key === " ";
  });
  document.getElementById("keys").replaceChildren();
  player.listKeys(LIVE_KEYS);
  document.body.classList.add("live");
}

function receive(player, message) {
  if (message.type === "replay") {
    const agent = player.selected?.agentId ?? 0;
    player.show(new Replay(message.replay), "Live play");
    player.select(player.replay.agents.find((other) => other.agentId === agent)?.id ?? null);
  } else if (message.type === "replay_step" && player.replay !== null) {
    addStep(player.replay, message.replay_step);
    player.grow(message.replay_step.step);
  } else if (message.type === "message") {
    notice(shortText(message.message, 300));
  }
}

let noticeTimer = 0;

// A sentence that goes away by itself.
function notice(text) {
  const box = document.getElementById("notice");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { box.hidden = true; }, 6000);
}

// Appends one step: full objects with plain values; what an object no longer tells becomes null.
function addStep(replay, { step, grid_objects: objects }) {
  if (!isCount(step) || step < replay.numSteps || !Array.isArray(objects)) throw new ReplayError("A step is out of order.");
  for (const fields of objects) {
    const object = isTable(fields) ? replay.byId.get(fields.id) : undefined;
    if (object === undefined) continue;
    for (const [name, size] of [["r", replay.height], ["c", replay.width]]) {
      if (!isCount(fields[name]) || fields[name] >= size) throw new ReplayError(`${name}: ${shortText(fields[name])} is not on the map.`);
    }
    for (const [name, series] of object.series) series.add(step, Object.hasOwn(fields, name) ? fields[name] : null);
    for (const [name, value] of Object.entries(fields)) {
      if (object.series.has(name)) continue;
      const series = new Series([0, step], [0, value]);
      object.series.set(name, series);
      if (name.startsWith("inv:")) object.stock.push([name.slice(4), series]);
    }
    object.moves ||= !object.rows.constant || !object.columns.constant;
  }
  replay.numSteps = step + 1;
}

// [type, argument] for a key, or null if the key is for the viewer or the game has no such action.
function actionOfKey(player, key) {
  const agent = player.selected;
  const step = player.lastStep;
  const action = (name, argument = 0) => {
    const type = player.replay.actionNames.indexOf(name);
    return type < 0 ? null : [type, argument];
  };
  if (Object.hasOwn(ARROWS, key)) {
    return agent.orientation(step) === ARROWS[key] ? action("move") : action("rotate", ARROWS[key]);
  }
  if (/^[1-9]$/.test(key)) return action("attack", Number(key) - 1);
  switch (key) {
    case " ": return action("noop");
    case "b": return action("move", 1);
    case "g": return action("get_output");
    case "t": return action("put_recipe_items");
    case "a": return action("attack");
    case "s": return action("swap");
    case "c": return action("change_color");
    case "y": return action("change_glyph", agent.number("agent:glyph", step) + 1);
    default: return null;
  }
}
