// Time, keys and pointer. `window.viewer` is what tests and live play use.

const SPEEDS = [1, 2, 4, 8, 15, 30, 60, 120, 240];
const KEYS = [
  [["space"], "play or pause"], [["←", "→"], "one step; with shift ten"], [["home", "end"], "first, last step"],
  [["+", "−"], "faster, slower"], [["n", "p"], "next, previous agent"], [["f"], "follow the selected agent"],
  [["v"], "show what it sees"], [["z", "x"], "zoom in, out"], [["0"], "whole map"], [["esc"], "select nothing"], [["?"], "these keys"],
];
const PANEL_INTERVAL = 80; // milliseconds between two updates of the panels while playing

class Player {
  constructor() {
    const find = (id) => document.getElementById(id);
    this.find = find;
    this.state = "empty"; // empty, loading, ready or error
    this.replay = null;
    this.time = 0;
    this.playing = false;
    this.speed = 8;
    this.selected = null;
    this.hovered = null;
    this.following = false;
    this.showWindow = true;
    this.isLive = false; // a world that people play in, and not a recorded one
    this.frameTimes = []; // milliseconds of work of the last frames
    this.dirty = true;
    this.keyHandlers = [];
    this.scene = new Scene(find("map"));
    this.details = new Details(find("details"));
    this.agents = new AgentList(find("agents"), (agent) => this.select(agent.id));
    this.chart = new Chart(find("chart"), find("chart-title"), find("legend"), (step) => this.seek(step));
    this.connect();
    requestAnimationFrame((now) => this.frame(now));
  }

  // Opens a file: bytes of a compressed or plain replay. Never throws; the page says what is wrong.
  async open(bytes, name = "") {
    this.state = "loading";
    this.say("Loading…", "");
    try {
      this.show(await readReplay(bytes), name);
    } catch (error) {
      this.fail(name, error instanceof ReplayError ? error.message : "The file is damaged: it does not follow the format.");
    }
  }

  fail(name, text) {
    this.state = "error";
    this.replay = this.scene.replay = this.chart.replay = null;
    this.playing = false;
    this.selected = this.hovered = null;
    this.find("facts").textContent = "";
    for (const id of ["details", "agents", "legend"]) this.find(id).replaceChildren();
    this.say(name ? `Cannot play ${shortText(name)}` : "Cannot play this file", text, true);
    this.dirty = true;
  }

  say(title, text, isError = false) {
    const box = this.find("message");
    box.hidden = title === "";
    // A page without a replay is only its message.
    document.body.classList.toggle("bare", title !== "");
    box.className = isError ? "error" : "";
    this.find("message-title").textContent = title;
    this.find("message-text").textContent = text;
  }

  show(replay, name) {
    this.replay = replay;
    this.time = 0;
    this.playing = false;
    this.selected = this.hovered = null;
    this.following = false;
    this.say("", "");
    this.find("title").textContent = name ? shortText(name, 120) : "MettaGrid replay";
    this.showLength();
    this.scene.show(replay);
    this.agents.show(replay, 0);
    this.refresh();
    this.state = "ready";
  }

  get step() {
    return Math.floor(this.time);
  }

  get lastStep() {
    return this.replay === null ? 0 : this.replay.numSteps - 1;
  }

  seek(step) {
    if (this.replay === null) return;
    this.time = clamp(Math.round(step), 0, this.lastStep);
    this.dirty = this.panelsDirty = true;
  }

  play(on = true) {
    if (this.replay === null) return;
    if (on && this.step >= this.lastStep) this.time = 0;
    this.playing = on && this.lastStep > 0;
    // Between two steps there is nothing to look at when the motion stops.
    if (!this.playing) this.time = this.step;
    this.dirty = this.panelsDirty = true;
  }

  pause() {
    this.play(false);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.find("speed").value = String(speed);
  }

  select(id) {
    if (this.replay === null) return;
    this.selected = id === null ? null : this.replay.byId.get(id) ?? null;
    if (this.selected === null || !this.selected.isAgent) this.following = false;
    this.agents.select(this.selected);
    this.refresh();
  }

  selectAgent(direction) {
    if (this.replay === null || this.replay.agents.length === 0) return;
    const list = this.replay.agents;
    const now = list.indexOf(this.selected);
    const next = now < 0 ? (direction > 0 ? 0 : list.length - 1) : (now + direction + list.length) % list.length;
    this.select(list[next].id);
  }

  follow(on) {
    if (on && (this.selected === null || !this.selected.isAgent)) this.selectAgent(1);
    this.following = on && this.selected !== null;
    if (this.following && this.scene.zoom < 28) this.scene.zoom = 36;
    this.dirty = this.panelsDirty = true;
  }

  fit() {
    this.following = false;
    this.scene.fit();
    this.dirty = this.panelsDirty = true;
  }

  // After a change of the selection or of the window's size: what is drawn once is drawn again.
  refresh() {
    this.chart.show(this.replay, this.selected);
    drawEvents(this.find("events"), this.replay, this.selected);
    this.details.show(this.replay, this.selected, this.step);
    this.dirty = this.panelsDirty = true;
  }

  frame(now) {
    requestAnimationFrame((next) => this.frame(next));
    const elapsed = this.lastFrame === undefined ? 0 : now - this.lastFrame;
    this.lastFrame = now;
    if (this.playing) {
      this.time = Math.min(this.time + (Math.min(elapsed, 250) * this.speed) / 1000, this.lastStep);
      if (this.time >= this.lastStep) this.play(false);
      this.dirty = true;
    }
    if (!this.dirty) return;
    this.dirty = false;
    const start = performance.now();
    this.draw(now);
    this.frameTimes.push(performance.now() - start);
    if (this.frameTimes.length > 600) this.frameTimes.shift();
  }

  draw(now) {
    if (this.following && this.replay !== null) {
      const place = this.scene.place(this.selected, this.time);
      this.scene.moveTo(place.row + 0.5, place.column + 0.5);
    }
    this.scene.draw(this.time, this);
    this.chart.draw(this.time);
    if (this.replay === null) return;
    const updateAgain = this.panelsDirty || !this.playing || now - (this.lastPanels ?? 0) >= PANEL_INTERVAL;
    if (!updateAgain) return;
    this.lastPanels = now;
    this.panelsDirty = false;
    const step = this.step;
    this.find("scrub").value = String(step);
    this.find("step").textContent = `${step} / ${this.lastStep}`;
    this.find("play").classList.toggle("playing", this.playing);
    this.find("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.find("follow").setAttribute("aria-pressed", String(this.following));
    this.find("window").setAttribute("aria-pressed", String(this.showWindow));
    this.details.update(this.replay, this.selected, step);
    this.agents.update(step);
  }

  connect() {
    const { find } = this;
    for (const speed of SPEEDS) find("speed").append(new Option(`${speed} / s`, String(speed)));
    this.setSpeed(this.speed);
    this.listKeys(KEYS);
    find("play").addEventListener("click", () => this.play(!this.playing));
    find("back").addEventListener("click", () => this.walk(-1));
    find("forward").addEventListener("click", () => this.walk(1));
    find("scrub").addEventListener("input", (event) => this.seek(Number(event.target.value)));
    find("speed").addEventListener("change", (event) => this.setSpeed(Number(event.target.value)));
    find("fit").addEventListener("click", () => this.fit());
    find("follow").addEventListener("click", () => this.follow(!this.following));
    find("window").addEventListener("click", () => this.toggleWindow());
    find("help-button").addEventListener("click", () => this.toggleHelp());
    find("help").addEventListener("click", () => find("help").close());
    find("file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file) this.openFile(file);
      event.target.value = "";
    });
    // A button that keeps the focus would take the space key for itself.
    document.addEventListener("click", () => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    find("speed").addEventListener("change", () => find("speed").blur());
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.resize()).observe(find("stage"));
    connectPointer(this);
    connectDrop(this);
  }

  listKeys(keys, list = this.find("keys")) {
    for (const [names, text] of keys) {
      const term = make("dt");
      term.append(...names.map((name) => make("kbd", "", name)));
      list.append(term, make("dd", "", text));
    }
  }

  showLength() {
    const { width, height, agents, numSteps } = this.replay;
    const length = this.isLive ? `step ${numSteps - 1}` : count(numSteps, "step");
    this.find("facts").textContent = `${width} × ${height} cells  ·  ${count(agents.length, "agent")}  ·  ${length}`;
    this.find("scrub").max = String(numSteps - 1);
  }

  // Live play added a step.
  grow(step) {
    this.showLength();
    this.scene.sort();
    this.time = step;
    this.refresh();
  }

  async openFile(file) {
    let bytes;
    try {
      bytes = new Uint8Array(await file.arrayBuffer());
    } catch (error) {
      this.fail(file.name, "The browser cannot read this file.");
      return;
    }
    await this.open(bytes, file.name);
  }

  resize() {
    this.scene.resize();
    if (this.scene.fitted) this.scene.fit();
    if (this.replay !== null) this.refresh();
    this.dirty = true;
  }

  walk(steps) {
    this.pause();
    this.seek(this.step + steps);
  }

  toggleWindow() {
    this.showWindow = !this.showWindow;
    this.dirty = this.panelsDirty = true;
  }

  toggleHelp() {
    const help = this.find("help");
    if (help.open) help.close();
    else help.showModal();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    for (const handler of this.keyHandlers) {
      if (handler(event)) {
        event.preventDefault();
        return;
      }
    }
    const actions = {
      " ": () => this.play(!this.playing),
      ArrowLeft: () => this.walk(event.shiftKey ? -10 : -1),
      ArrowRight: () => this.walk(event.shiftKey ? 10 : 1),
      Home: () => this.seek(0),
      End: () => this.seek(this.lastStep),
      "+": () => this.changeSpeed(1),
      "=": () => this.changeSpeed(1),
      "-": () => this.changeSpeed(-1),
      n: () => this.selectAgent(1),
      p: () => this.selectAgent(-1),
      f: () => this.follow(!this.following),
      v: () => this.toggleWindow(),
      z: () => this.zoom(1.25),
      x: () => this.zoom(0.8),
      0: () => this.fit(),
      Escape: () => this.select(null),
      "?": () => this.toggleHelp(),
    };
    if (!Object.hasOwn(actions, event.key)) return;
    if (this.find("help").open && event.key === "Escape") return;
    event.preventDefault();
    actions[event.key]();
  }

  changeSpeed(direction) {
    const index = SPEEDS.findIndex((speed) => speed >= this.speed);
    this.setSpeed(SPEEDS[clamp(index + direction, 0, SPEEDS.length - 1)]);
  }

  zoom(factor, x = null, y = null) {
    if (this.replay === null) return;
    const box = this.find("map").getBoundingClientRect();
    this.scene.zoomAt(x ?? box.left + box.width / 2, y ?? box.top + box.height / 2, factor);
    this.dirty = true;
  }

  cellToScreen(row, column) {
    return this.scene.cellToScreen(row, column);
  }
}
