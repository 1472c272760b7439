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
      results.replaceWith(found);
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
    const next = await fetchPage(link.href);
    const rows = document.querySelector(link.dataset.more);
    const added = [...next.querySelector(link.dataset.more).children];
    rows.append(...added);
    const more = next.querySelector("a[data-more]");
    if (more) link.replaceWith(more);
    else link.remove();
    (added[0]?.querySelector("a") ?? rows).focus();
    document.dispatchEvent(new CustomEvent("shown", { detail: rows }));
  } catch {
    location.assign(link.href);
  }
}

// <div id=… data-refresh="url">: shown anew every two seconds, until the page of the url has it without data-refresh.
async function refresh(id) {
  const shown = document.getElementById(id);
  if (!shown?.dataset.refresh) return;
  try {
    const found = document.hidden ? null : (await fetchPage(shown.dataset.refresh, byItself)).getElementById(id);
    if (found && found.innerHTML !== shown.innerHTML) {
      shown.innerHTML = found.innerHTML; // the element itself stays, so that screen readers say what is new
      if (!found.dataset.refresh) delete shown.dataset.refresh;
    }
  } catch { /* the service is away; the next time it may be back */ }
  setTimeout(refresh, 2000, id);
}
document.querySelectorAll("[data-refresh]").forEach((each) => setTimeout(refresh, 2000, each.id));

document.addEventListener("click", (event) => {
  const more = event.target.closest("a[data-more]");
  if (more && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    showMore(more);
  }
  const copy = event.target.closest("button[data-copy]");
  if (copy) {
    navigator.clipboard.writeText(document.querySelector(copy.dataset.copy).textContent.trim());
    copy.textContent = copy.dataset.copied;
  }
  if (event.target.closest("button[data-print]")) print();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll("details.ask[open]").forEach((each) => { each.open = false; });
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
if (menu) {
  const wide = matchMedia("(min-width: 62.5rem)");
  const adapt = () => { menu.open = wide.matches; };
  wide.addEventListener("change", adapt);
  adapt();
}

// Long work is done in parts: <form data-continue> asks for the next one by itself.
document.querySelector("form[data-continue]")?.requestSubmit();
