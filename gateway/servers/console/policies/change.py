"""*Try a change*: the text of a policy file, what another one would do, and then saving it.

Nothing is saved that was not tried: the form carries the digest of the text whose effects the person was shown.
"""

import hashlib
from contextlib import suppress

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from gateway.oversight.policies import Filled, PolicyFile, Trial, flaw_in_text
from gateway.servers.console.parts import Parts
from gateway.servers.console.policies.asked import Asked, SavedNow, asked
from gateway.servers.console.visits import Shown, Visit
from toolward.errors import Conflict, InvalidRequest

MINE = "policies/mine.yaml"
"""What a copy of a file that is not changed here is called."""


# Long because it is one list of pages, which share what they close over.
def change_pages(parts: Parts) -> list[Shown]:
    policies = parts.oversight.policies

    async def show(visit: Visit) -> Response:
        fields = asked(visit.query.get)
        file = await policies.file(visit.principal, visit.query.get("file", ""))
        about = fields.about(policies, visit)
        if about is None:
            return _page(visit, file, fields, file.text)
        filled, refused = None, ""
        if visit.query.get("as") != "edit":
            try:
                filled = await policies.filled(visit.principal, file.name, about)
            except InvalidRequest as error:
                refused = error.text
        text = filled.text if filled else file.text
        trial = await policies.tried(visit.principal, file.name, text, about, replays=False)
        return _page(visit, file, fields, text, trial, filled=filled, refused=refused)

    async def take(visit: Visit) -> Response:
        form = visit.form
        fields, text, name = asked(form.get), form.get("text"), form.get("file")
        if form.get("do") == "copy":
            headers = {"content-disposition": f'attachment; filename="{MINE.rpartition("/")[2]}"'}
            return Response(text, media_type="application/yaml", headers=headers)
        unseen = form.get("do") == "save"
        if unseen and form.get("tried") == _digest(text):
            unseen = False
            with suppress(Conflict):  # somebody else was faster: below it is told, and what was written stays
                saved = await policies.save(visit.principal, name, text, form.get("digest"))
                told = SavedNow(visit.session.nonce, saved.name, saved.in_force)
                return RedirectResponse(f"/policies?saved={parts.sessions.signed('saved', told)}", 303)
        file = await policies.file(visit.principal, name)
        about = fields.about(policies, visit)
        trial = await policies.tried(visit.principal, file.name, text, about)
        moved = form.get("digest") != file.digest
        return _page(visit, file, fields, text, trial, seen=True, moved=moved, unseen=unseen)

    def _page(
        visit: Visit,
        file: PolicyFile,
        fields: Asked,
        text: str,
        trial: Trial | None = None,
        *,
        filled: Filled | None = None,
        refused: str = "",
        seen: bool = False,
        moved: bool = False,
        unseen: bool = False,
    ) -> Response:
        """`seen`: what is shown may be saved as it is; `moved`: the file has changed since the form was made;
        `unseen`: somebody wanted to save what had not been tried."""
        flaw = flaw_in_text(text)
        return parts.pages.render(
            visit,
            "policies/change.html",
            status=409 if moved else 200,
            here="policies",
            file=file,
            fields=fields,
            flaw=flaw,
            # What has no hidden character is shown as it is, so that it comes back as it was.
            text=text if flaw else Markup.escape(text),
            trial=trial,
            tried=_digest(text) if seen and trial is not None and not trial.mistake else "",
            filled=filled,
            refused=refused,
            moved=moved,
            unseen=unseen,
            may_write=policies.may_write(visit.principal),
            mine=MINE,
        )

    return [Shown("/policies/change", show), Shown("/policies/change", take, "POST")]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
