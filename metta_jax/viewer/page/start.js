// Opens the replay that the page carries, if it carries one.

// The bytes that an element holds as base64, or null if there is no such element.
function carriedBytes(id) {
  const element = document.getElementById(id);
  return element === null ? null : Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
}

const player = new Player();
window.viewer = player;
const carried = carriedBytes("replay-data");
if (carried !== null) player.open(carried, new TextDecoder().decode(carriedBytes("replay-name")));
else player.say("Drop a replay here", "A file that ends in .json.z, or its plain JSON. Nothing leaves this page.");
