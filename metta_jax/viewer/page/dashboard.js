// Scores of policies by category and world. Text of the data enters the page as textContent only.

const DATA = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(document.getElementById("data").textContent), (letter) => letter.charCodeAt(0))));
const find = (id) => document.getElementById(id);

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

const ordered = (values) => [...new Set(values)].sort((a, b) => (a < b ? -1 : 1));
const mean = (values) => (values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length);
const shown = (value) => (value === null ? "–" : Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(3));
// As in the scores of an evaluation: what comes before the last slash, else the name itself.
const categoryOf = (name) => (name.includes("/") ? name.slice(0, name.lastIndexOf("/")) : name);

function valueOf(entry, metric) {
  const agents = Object.values(entry.group_num_agents).reduce((sum, number) => sum + number, 0);
  const sums = entry.policy_eval_metrics.filter((part) => part.metric === metric).map((part) => part.sum_value);
  return agents === 0 ? null : sums.reduce((sum, value) => sum + value, 0) / agents;
}

function draw() {
  const metric = find("metric").value;
  const entries = DATA.filter((entry) => entry.suite === find("suite").value);
  const policies = [...new Map(entries.map((entry) => [policyId(entry), entry.policy_name])).entries()];
  const values = new Map(entries.map((entry) => [`${policyId(entry)}\n${entry.eval_name}`, valueOf(entry, metric)]));
  const value = (policy, name) => values.get(`${policy}\n${name}`) ?? null;
  const categories = Map.groupBy(ordered(entries.map((entry) => entry.eval_name)), categoryOf);
  const averages = (policy) => [...categories.values()].map((names) => mean(names.map((name) => value(policy, name)).filter((x) => x !== null)));
  const totals = policies.map(([id, name]) => [id, name, mean(averages(id).filter((x) => x !== null))]);
  totals.sort((a, b) => (b[2] ?? -Infinity) - (a[2] ?? -Infinity));

  const all = [...values.values()].filter((x) => x !== null);
  const low = Math.min(0, ...all);
  const high = Math.max(...all, low + 1e-9);
  const share = (x) => (x === null ? 0 : (x - low) / (high - low));
  find("policies").replaceChildren(...totals.map(([, name, total]) => {
    const line = make("div", "policy");
    const bar = make("div", "bar");
    const fill = make("i");
    fill.style.width = `${100 * share(total)}%`;
    bar.append(fill);
    const label = make("span", "name", name);
    label.title = name;
    line.append(label, bar, make("span", "value", shown(total)));
    return line;
  }));

  const head = make("tr");
  head.append(make("th", "", "world"), ...totals.map(([, name]) => make("th", "", name)));
  const body = make("tbody");
  [...categories].forEach(([category, names], index) => {
    const isAlone = names.length === 1 && names[0] === category;
    const line = make("tr", "category");
    line.append(make("th", "", category), ...totals.map(([id]) => cell(averages(id)[index], share)));
    body.append(line);
    if (isAlone) return;
    for (const name of names) {
      const row = make("tr");
      const title = make("th", "", name.slice(category.length + 1));
      row.append(title, ...totals.map(([id]) => cell(value(id, name), share)));
      body.append(row);
    }
  });
  const top = make("thead");
  top.append(head);
  find("scores").replaceChildren(top, body);
  find("about").textContent = `${policies.length} ${policies.length === 1 ? "policy" : "policies"} in ${[...categories.values()].flat().length} worlds`;
}

function policyId(entry) {
  return `${entry.policy_key} ${entry.policy_version}`;
}

function cell(value, share) {
  const box = make("td", "", shown(value));
  if (value !== null) box.style.background = `rgb(109 179 255 / ${(0.04 + 0.46 * share(value)).toFixed(3)})`;
  return box;
}

const metrics = ordered(DATA.flatMap((entry) => entry.policy_eval_metrics.map((part) => part.metric)));
for (const name of ["reward", ...metrics.filter((name) => name !== "reward")]) find("metric").append(new Option(name, name));
for (const name of ordered(DATA.map((entry) => entry.suite))) find("suite").append(new Option(name, name));
find("metric").addEventListener("change", draw);
find("suite").addEventListener("change", draw);
draw();
