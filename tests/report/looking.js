// What a person would stumble over on the page that is open: a list of complaints, empty if all is well.
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}

function over(top, below) {
  return [0, 1, 2].map((i) => top[3] * top[i] + (1 - top[3]) * below[i]).concat(1);
}

function behind(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(rgba(getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
}

function luminance(colour) {
  const [r, g, b] = colour.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

const complaints = [];
const root = document.documentElement;
if (root.scrollWidth > innerWidth) complaints.push(`the page is ${root.scrollWidth} wide in ${innerWidth}`);

for (const e of document.querySelectorAll("body *")) {
  const box = e.getBoundingClientRect();
  if (!box.width || !box.height) continue;
  const inside = e.closest(".scroll, .path, .near, svg");
  if (!inside && box.right > innerWidth + 0.5) complaints.push(`${e.tagName}.${e.className} sticks out to ${box.right}`);
  const own = [...e.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim());
  if (!own.length) continue;
  const drawn = e.closest("svg") !== null;
  const colour = drawn ? getComputedStyle(e).fill : getComputedStyle(e).color;
  const back = behind(drawn ? e.closest("svg").parentElement : e);
  const found = contrast(over(rgba(colour), back), back);
  if (found < (drawn ? 3 : 4.5)) {
    complaints.push(`${own[0].textContent.trim().slice(0, 30)} (${e.tagName}.${e.className || ""}) has contrast ${found.toFixed(2)}`);
  }
}

// A word that stands on two lines though its box is wide enough for it.
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  const box = node.parentElement.getBoundingClientRect();
  if (!box.width || node.parentElement.closest("svg, .words, .upright thead")) continue;
  for (const word of node.textContent.matchAll(/[\p{L}\p{N}]+/gu)) {
    const range = document.createRange();
    range.setStart(node, word.index);
    range.setEnd(node, word.index + word[0].length);
    const lines = [...range.getClientRects()].filter((one) => one.width > 0);
    const wide = lines.reduce((sum, one) => sum + one.width, 0);
    if (lines.length > 1 && new Set(lines.map((one) => one.top)).size > 1 && wide <= innerWidth / 3) {
      complaints.push(`a word is broken: ${word[0]}`);
    }
  }
}

for (const cell of document.querySelectorAll(".confusion td")) {
  if (cell.scrollWidth > cell.clientWidth + 1) complaints.push(`a count is cut off: ${cell.textContent}`);
}

const done = arguments[arguments.length - 1];
Promise.all(
  [...document.images].map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => complaints.push(`an image is missing: ${image.src.slice(0, 40)}`));
  }),
).then(() => done(complaints));
