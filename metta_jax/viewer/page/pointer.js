// Mouse, touch and dropped files.

const DRAG_THRESHOLD = 4; // CSS pixels that distinguish a drag from a click

function connectPointer(player) {
  const canvas = player.find("map");
  const tip = player.find("tip");
  const fingers = new Map();
  let start = null;
  let dragged = false;

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    start = { x: event.clientX, y: event.clientY };
    dragged = fingers.size > 1;
  });

  canvas.addEventListener("pointermove", (event) => {
    if (player.replay === null) return;
    const before = fingers.get(event.pointerId);
    if (before === undefined) {
      hover(event);
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    if (!dragged && Math.hypot(now.x - start.x, now.y - start.y) < DRAG_THRESHOLD) return;
    dragged = true;
    player.following = false;
    canvas.classList.add("dragging");
    if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
      const grown = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      player.zoom(grown, other.x, other.y);
    } else {
      const { scene } = player;
      scene.moveTo(scene.center.row - (now.y - before.y) / scene.zoom, scene.center.column - (now.x - before.x) / scene.zoom);
    }
    fingers.set(event.pointerId, now);
    player.dirty = player.panelsDirty = true;
  });

  const end = (event) => {
    fingers.delete(event.pointerId);
    canvas.classList.remove("dragging");
  };
  canvas.addEventListener("pointerup", (event) => {
    const clicked = fingers.has(event.pointerId) && !dragged;
    end(event);
    if (!clicked || player.replay === null) return;
    player.select(player.scene.objectAt(event.clientX, event.clientY, player.step)?.id ?? null);
  });
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => {
    player.hovered = null;
    tip.hidden = true;
    player.dirty = true;
  });
  canvas.addEventListener("dblclick", () => player.selected?.isAgent && player.follow(true));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    player.zoom(Math.exp(clamp(-event.deltaY, -240, 240) * 0.0016), event.clientX, event.clientY);
  }, { passive: false });

  function hover(event) {
    const found = player.scene.objectAt(event.clientX, event.clientY, player.step);
    if (found !== player.hovered) player.dirty = true;
    player.hovered = found;
    tip.hidden = found === null;
    if (found === null) return;
    tip.textContent = tipOf(player.replay, found, player.step);
    const box = canvas.getBoundingClientRect();
    const right = event.clientX - box.left + 16 + tip.offsetWidth < box.width;
    const below = event.clientY - box.top + 16 + tip.offsetHeight < box.height;
    tip.style.left = `${event.clientX - box.left + (right ? 14 : -14 - tip.offsetWidth)}px`;
    tip.style.top = `${event.clientY - box.top + (below ? 14 : -14 - tip.offsetHeight)}px`;
  }
}

function connectDrop(player) {
  const dropping = (event, on) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", on);
  };
  document.addEventListener("dragover", (event) => dropping(event, true));
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && dropping(event, false));
  document.addEventListener("drop", (event) => {
    dropping(event, false);
    const [file] = event.dataTransfer.files;
    if (file) player.openFile(file);
  });
}
