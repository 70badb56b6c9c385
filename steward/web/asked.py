"""The page behind a button that can only open an address: it asks once more, and says when it is noted.

No script, no style from elsewhere, nothing kept; every text is escaped. Opening it changes nothing: programs that
preview links open them too.
"""

from __future__ import annotations

from html import escape

from fastapi.responses import HTMLResponse

from steward.kit.untrusted import plain

_HEADERS = {
    "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
                               "frame-ancestors 'none'",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Steward</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto;
          padding: 0 1.2rem; color: #1b1f24 }}
  h1 {{ font-size: 1.4rem; overflow-wrap: anywhere }}
  label {{ display: block; margin: 1.2rem 0 .3rem }}
  input {{ font: inherit; width: 100%; padding: .55rem; box-sizing: border-box; border: 1px solid #57606a;
           border-radius: 6px }}
  button {{ font: inherit; margin-top: 1.2rem; padding: .6rem 1.4rem; border: 0; border-radius: 6px;
            background: #0b5cad; color: #fff; cursor: pointer }}
  :focus-visible {{ outline: 3px solid #d97706; outline-offset: 2px }}
</style></head><body><main>{main}</main></body></html>
"""


def ask(question: str, query: dict[str, str]) -> HTMLResponse:
    """The question with a button; `query` goes along as it came."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in query.items())
    return _page(f"""
<h1>{escape(plain(question))}</h1>
<form method="post">{hidden}
<label for="by">Your e-mail, so that the others know who has it</label>
<input id="by" name="by" type="email" autocomplete="email" required maxlength="255">
<button>Yes, I have it in hand</button></form>""")


def noted() -> HTMLResponse:
    """Said once the answer is on stable storage."""
    return _page("<h1>Noted. Thank you.</h1><p>The escalation stops. You can close this page.</p>")


def refused(why: str) -> HTMLResponse:
    """The link is too old, or not one of ours."""
    return _page(f"<h1>This link does not work.</h1><p>{escape(plain(why))}</p>", 401)


def _page(main: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(main=main), status, _HEADERS)
