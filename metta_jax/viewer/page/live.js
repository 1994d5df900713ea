// Live play: a world that grows step by step, and keys that move the selected agent. LIVE_ADDRESS, ACTION_OF_KEY and
// KEY_HELP are put in by page.py.

const LOOK_KEYS = [
  [["n", "p"], "next, previous agent"], [["f", "v"], "follow, show what it sees"], [["z", "x", "0"], "zoom, whole map"], [["?"], "all keys"],
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
  document.body.classList.add("live");
  player.isLive = true;
}

function receive(player, message) {
  if (message.type === "replay") {
    const agent = player.selected?.agentId ?? 0;
    player.show(new Replay(message.replay), document.title);
    showHowTo(player, message.goal);
    player.select(player.replay.agents.find((other) => other.agentId === agent)?.id ?? null);
  } else if (message.type === "replay_step" && player.replay !== null) {
    addStep(player.replay, message.replay_step);
    player.grow(message.replay_step.step);
  } else if (message.type === "message") {
    notice(shortText(message.message, 300));
  }
}

// The rewards, and the keys that this game uses, shown next to the map from the start.
function showHowTo(player, goal) {
  const lines = Array.isArray(goal) ? goal.slice(0, 40) : [];
  player.find("goal").replaceChildren(...lines.map((line) => make("li", "", shortText(line, 200))));
  const has = (name) => player.replay.actionNames.includes(name);
  const keys = KEY_HELP.filter(([, , name]) => has(name)).map(([names, effect]) => [names.split(" "), effect]);
  if (has("rotate") || has("move")) keys.unshift([["←", "↑", "→", "↓"], "turn that way, or move if it already faces it"]);
  for (const id of ["play-keys", "keys"]) player.find(id).replaceChildren();
  player.listKeys([...keys, LOOK_KEYS[0]], player.find("play-keys"));
  player.listKeys([...keys, ...LOOK_KEYS]);
  player.find("howto").hidden = false;
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

// Appends one step: full objects with plain values; what an object no longer reports becomes null.
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
  if (key === "y") return action("change_glyph", agent.number("agent:glyph", step) + 1);
  return Object.hasOwn(ACTION_OF_KEY, key) ? action(...ACTION_OF_KEY[key]) : null;
}
