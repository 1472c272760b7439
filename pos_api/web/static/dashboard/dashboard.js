// What pages do besides loading. Without it all works, by loading pages anew.
"use strict";

// With `more` = byItself, nobody did something: it does not keep the session alive.
const byItself = { "X-By-Itself": "1" };
async function fetchPage(url, more = {}) {
  const response = await fetch(url, { headers: { "X-Requested-With": "fetch", ...more }, credentials: "same-origin" });
  if (response.status === 401) location.reload(); // the session has ended
  if (!response.ok) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// What is shown anew takes the focus from nobody who uses the keyboard. Returns what gives it back afterwards: to the same
// link, else to what stands in the same place, else to `root` (an id) as a whole; and it stays where it was on the screen.
function keepFocus(root) {
  const focused = document.activeElement;
  const before = document.getElementById(root);
  if (!before?.contains(focused)) return () => {};
  const { top } = focused.getBoundingClientRect();
  const href = focused.getAttribute("href");
  const links = (within) => [...within.querySelectorAll("a[href]")].filter((each) => each.getAttribute("href") === href);
  const nth = href === null ? -1 : links(before).indexOf(focused);
  const same = href === null ? placeOf(focused) : () => links(document.getElementById(root))[nth] ?? links(document.getElementById(root))[0];
  return () => {
    const after = document.getElementById(root);
    const found = focused.isConnected ? focused : same();
    if (!found) after.tabIndex = -1;
    (found ?? after).focus({ preventScroll: true });
    if (found) scrollBy(0, found.getBoundingClientRect().top - top);
  };
}

// What finds the element that stands where this one stands now: the nearest id around it, and its number in there.
function placeOf(element) {
  const { id } = element.closest("[id]"), tag = element.localName;
  const at = [...document.getElementById(id).querySelectorAll(tag)].indexOf(element);
  return () => (at < 0 ? document.getElementById(id) : document.getElementById(id)?.querySelectorAll(tag)[at]);
}

// Returns what opens again what is open now.
function keepOpen(root) {
  const open = [...document.getElementById(root).querySelectorAll("details[open]")].map((each) => placeOf(each));
  return () => open.forEach((place) => { const found = place(); if (found) found.open = true; });
}

// <form data-live="#results" action=… method=get>: what it finds is shown while it is typed, and is in the address.
function searchAsTyped(form) {
  let timer, asked = 0;
  const search = async () => {
    const fields = [...new FormData(form)].filter(([, value]) => value !== "");
    const url = form.getAttribute("action").split("?")[0] + (fields.length ? `?${new URLSearchParams(fields)}` : "");
    const mine = ++asked;
    const results = document.querySelector(form.dataset.live);
    results.setAttribute("aria-busy", "true");
    try {
      const found = (await fetchPage(url)).querySelector(form.dataset.live);
      if (mine !== asked || !found) return; // something newer is asked for
      const focusAgain = keepFocus(found.id);
      document.querySelector(form.dataset.live).replaceWith(found);
      focusAgain();
      history.replaceState(null, "", url);
      document.dispatchEvent(new CustomEvent("shown", { detail: found }));
    } catch {
      if (mine === asked) form.submit();
    }
  };
  form.addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(search, event.target.matches("[type=search], [type=text]") ? 250 : 0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    search();
  });
}

// <a data-more="#rows" href=…>: the rows of the next page are added below these; the focus goes to the first of them.
async function showMore(link) {
  if (link.getAttribute("aria-busy")) return; // it is asked for already
  link.setAttribute("aria-busy", "true");
  try {
    const { rows, added } = await addRows(link);
    history.replaceState({ pages: (history.state?.pages ?? 0) + 1, top: scrollY }, "");
    const first = added[0]?.querySelector("a") ?? added[0] ?? rows;
    if (!first.matches("a")) first.tabIndex = -1;
    first.focus();
  } catch {
    location.assign(link.href);
  }
}

async function addRows(link) {
  const next = await fetchPage(link.href);
  const rows = document.querySelector(link.dataset.more);
  const added = [...next.querySelector(link.dataset.more).children];
  rows.append(...added);
  const more = next.querySelector("a[data-more]");
  if (more) link.replaceWith(more);
  else link.remove();
  document.dispatchEvent(new CustomEvent("shown", { detail: rows }));
  return { rows, added };
}

// Whoever comes back to a list has it as it was: with the pages that were added, and where it was looked at.
async function showAgain({ pages, top }) {
  try {
    for (let link; pages > 0 && (link = document.querySelector("a[data-more]")); pages--) await addRows(link);
    scrollTo(0, top);
  } catch { /* what is there is shown */ }
}

let scrolled;
function noteScrolling() {
  clearTimeout(scrolled);
  scrolled = setTimeout(() => { if (history.state?.pages) history.replaceState({ ...history.state, top: scrollY }, ""); }, 200);
}
(history.state?.pages ? showAgain(history.state) : Promise.resolve()).then(() => addEventListener("scroll", noteScrolling));

// <div id=… data-refresh="url">: shown anew every two seconds, until the page of the url has it without data-refresh.
async function refresh(id) {
  const shown = document.getElementById(id);
  if (!shown?.dataset.refresh) return;
  try {
    const found = document.hidden ? null : (await fetchPage(shown.dataset.refresh, byItself)).getElementById(id);
    if (found && found.innerHTML !== shown.innerHTML) {
      const openAgain = keepOpen(id), focusAgain = keepFocus(id);
      shown.innerHTML = found.innerHTML; // the element itself stays, so that screen readers say what is new
      openAgain();
      focusAgain();
      if (!found.dataset.refresh) delete shown.dataset.refresh;
    }
  } catch { /* the service is away; the next time it may be back */ }
  setTimeout(refresh, 2000, id);
}
document.querySelectorAll("[data-refresh]").forEach((each) => setTimeout(refresh, 2000, each.id));

// Browsers keep the clipboard from pages that came over plain http; there it is copied as by hand, and stays selected.
async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent.trim());
  } catch {
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return; // it is selected: Ctrl+C copies it
  }
  button.textContent = button.dataset.copied;
}

document.addEventListener("click", (event) => {
  const more = event.target.closest("a[data-more]");
  if (more && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    showMore(more);
  }
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
  if (event.target.closest("button[data-print]")) print();
});

document.addEventListener("keydown", (event) => {
  const asked = event.key === "Escape" && event.target.closest("details.ask[open], .bar > details[open]");
  if (asked && !(asked.parentElement.matches(".bar") && wide.matches)) {
    asked.open = false;
    asked.querySelector("summary").focus();
  }
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "/" && !typing) {
    const field = document.querySelector("input[type=search]");
    if (field) { event.preventDefault(); field.focus(); }
  }
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((each) => delete each.dataset.sent));

document.querySelectorAll("form[data-live]").forEach(searchAsTyped);

// On a desktop the menu is always open; on a phone it is a button.
const menu = document.querySelector(".bar > details");
const wide = matchMedia("(min-width: 75rem)");
if (menu) {
  const adapt = () => { menu.open = wide.matches; };
  wide.addEventListener("change", adapt);
  adapt();
}

// On a phone the filters of a list are folded, unless one is set.
const phone = matchMedia("(max-width: 47rem)");
document.querySelectorAll("details.fold").forEach((each) => {
  const adapt = () => { each.open = !phone.matches || "isSet" in each.dataset; };
  phone.addEventListener("change", adapt);
  adapt();
});

// Whoever has sent a form goes on where its answer is, and not at the menu: at what has to be corrected, else at what
// became of it.
if (!location.hash && !document.querySelector("[autofocus]")) {
  const notice = document.querySelector("main .notice:is([role=alert], [role=status])");
  if (notice) notice.tabIndex = -1;
  (document.querySelector("main [aria-invalid=true]") ?? notice)?.focus();
}

// Long work is done in parts: <form data-continue> asks for the next one by itself.
document.querySelector("form[data-continue]")?.requestSubmit();
