// The parts of a page that change are shown anew as the server sends them (Server-Sent Events).
// <div id="live" data-stream=URL data-version=…> with the parts as children, each with an id.
// A page that nobody looks at has no stream: a browser has few connections, and the server no work for it.
"use strict";

const live = document.getElementById("live");
const state = document.getElementById("live-state");
const news = document.getElementById("live-news");
const announceEvery = 20000; // a screen reader is not interrupted by every sale
const sources = new Map(); // the HTML of each part as it came; charts change what is in the page
let stream, retry, lost, unseen = 0, announcing;

const partsOf = (root) => [...root.children].flatMap((each) => (each.classList.contains("columns") ? [...each.children] : [each]));
partsOf(live).forEach((part) => sources.set(part.id, part.outerHTML));

function show(html) {
  const next = document.createElement("div");
  next.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
  const salesBefore = ids(live);
  const openAgain = keepOpen("live"), focusAgain = keepFocus("live");
  const same = partsOf(next).map((each) => each.id).join() === partsOf(live).map((each) => each.id).join();
  const fresh = new Map(partsOf(next).map((part) => [part.id, part.outerHTML]));
  const changed = partsOf(next).filter((part) => !same || sources.get(part.id) !== part.outerHTML);
  next.querySelectorAll("[data-sale]").forEach((row) => {
    if (salesBefore.size && !salesBefore.has(row.dataset.sale)) row.classList.add("new");
  });
  if (same) changed.forEach((part) => document.getElementById(part.id).replaceWith(part));
  else live.replaceChildren(...next.childNodes);
  sources.clear();
  fresh.forEach((source, id) => sources.set(id, source));
  openAgain();
  if (changed.some((part) => part.querySelector("figure[data-chart]"))) document.dispatchEvent(new CustomEvent("shown", { detail: live }));
  focusAgain();
  announce([...ids(live)].filter((id) => !salesBefore.has(id)).length);
}

function ids(root) {
  return new Set([...root.querySelectorAll("[data-sale]")].map((row) => row.dataset.sale));
}

function announce(more) {
  unseen += more;
  if (!unseen || announcing) return;
  const say = () => {
    news.textContent = unseen === 1 ? live.dataset.one : live.dataset.many.replace("#", unseen);
    unseen = 0;
    announcing = setTimeout(() => { announcing = undefined; announce(0); }, announceEvery);
  };
  say();
}

function connected(is) {
  state.hidden = false;
  state.textContent = is ? live.dataset.connected : live.dataset.away;
}

function listen() {
  clearTimeout(retry);
  const url = new URL(live.dataset.stream, location.href);
  url.searchParams.set("seen", live.dataset.version);
  stream = new EventSource(url);
  stream.addEventListener("open", () => { notLost(); connected(true); });
  stream.addEventListener("parts", (event) => {
    live.dataset.version = event.lastEventId;
    show(event.data);
  });
  stream.addEventListener("ended", () => { stop(); location.reload(); }); // the session has ended: sign in again
  stream.addEventListener("error", () => {
    lost ??= setTimeout(() => connected(false), 5000); // the browser asks again each second, and fails each time
    if (stream.readyState === EventSource.CLOSED) retry = setTimeout(again, 10000); // refused; the browser does not ask again
  });
}

async function again() {
  try {
    await fetchPage(location.href, byItself); // loads the page anew where the session has ended
  } catch { /* not reachable: asked again below */ }
  if (!document.hidden) listen();
}

function notLost() {
  clearTimeout(lost);
  lost = undefined;
}

function stop() {
  clearTimeout(retry);
  notLost();
  stream?.close();
  stream = undefined;
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) stop();
  else if (!stream) listen();
});
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted && !document.hidden) listen(); });
if (!document.hidden) listen();
