"""Somebody who uses the dashboard with the keyboard alone, and sees at each key where they are."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from pos_api.web.dashboard.languages import translations
from tests.web.dashboard.browsing import is_too_wide, problems

_FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const { width, top, bottom, left, right } = at.getBoundingClientRect(), style = getComputedStyle(at);
  const label = at.getAttribute("aria-label") ?? (at.labels?.length ? at.labels[0].innerText : at.innerText);
  return {
    name: label.replace(/\\s+/g, " ").trim(), id: at.id,
    isVisible: width > 0 && bottom > 0 && right > 0 && top < innerHeight && left < innerWidth,
    isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 1,
  };
}"""
_MOST = 150
"""Stops that somebody has patience for."""


class Keyboard:
    """Presses keys on a page. What is gone to is named in English, and found in the language of the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._texts = translations(page.locator("html").get_attribute("lang") or "en")

    def text(self, english: str, **values: Any) -> str:
        """A text of the pages in the language of this one."""
        found = self._texts.gettext(english)
        return found % values if values else found

    def at(self) -> str:
        """What has the focus once the page has loaded; fails where nothing has it, or that can't be seen."""
        self.page.wait_for_load_state()
        found = self._focused()
        assert found is not None, f"nothing has the focus on {self.page.url}"
        return found

    def _focused(self) -> str | None:
        found = self.page.evaluate(_FOCUSED)
        if found is None:
            return None
        assert found["isVisible"], f"{found['name']!r} has the focus and is not on the screen"
        assert found["isMarked"], f"{found['name']!r} has the focus and does not show it"
        return str(found["name"])

    def go(self, english: str, *, key: str = "Tab", **values: Any) -> None:
        """Press Tab until this has the focus. Each stop on the way can be seen."""
        wanted, passed = self.text(english, **values), []
        self.page.wait_for_load_state()  # or nothing is marked yet
        for _ in range(_MOST):
            self.page.keyboard.press(key)
            passed.append(self._focused())  # None: from the last stop Tab leads out of the page
            if passed[-1] == wanted:
                return
        raise AssertionError(f"{wanted!r} can't be reached on {self.page.url}: {passed[:60]}")

    def press(self, *keys: str) -> None:
        """Press these keys."""
        for key in keys:
            self.page.keyboard.press(key)

    def enter(self, english: str, **values: Any) -> None:
        """Go to this and press Enter."""
        self.go(english, **values)
        self.press("Enter")

    def fill(self, english: str, text: str) -> None:
        """Go to this field and type; what it had is replaced."""
        self.go(english)
        self.press("Control+A")
        self.page.keyboard.type(text)

    def open_menu(self) -> None:
        """On a narrow screen the menu is folded."""
        if self.page.viewport_size and self.page.viewport_size["width"] < 1000:
            self.enter("POS Sync")

    def check(self) -> None:
        """The page as it is now can be used by everybody, and fits the screen."""
        assert problems(self.page) == []
        assert not is_too_wide(self.page)
