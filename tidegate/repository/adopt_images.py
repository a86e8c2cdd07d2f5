"""Takes a signed list of workload images into the checkout, and opens the pull request with it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager

from tidegate import tools
from tidegate.checkout import Checkout
from tidegate.errors import TidegateError, UsageError
from tidegate.facts import inventory
from tidegate.facts.inventory.image_catalogue import FOLDER, LIST, load_image_keys, load_images
from tidegate.facts.models.images import CataloguedImage, ImageCatalogue
from tidegate.repository import rendering
from tidegate.repository.revisions import git
from tidegate.signing.bundles import SigningError
from tidegate.signing.images import read_images
from tidegate.tools.files import write_whole

REMOTE = "origin"

_IDENTITY = ("-c", "user.name=Tidegate", "-c", "user.email=tidegate@example.com")
"""Of a pipeline that has none; whoever merges is whom Git records as committer."""

_LOGIN = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
"""GitHub's own program answers for the token, which therefore is in no file."""


def read_list(checkout: Checkout, content: bytes) -> ImageCatalogue:
    """What `content` lists, if a committed key has signed it and it is not older than the committed list.

    Raises `SigningError` when not, `UsageError` where no key is committed: whom to trust is a decision of people.
    """
    keys = load_image_keys(checkout.root)
    if not keys:
        raise UsageError(
            f"no key is committed; look at the one beside the list, and commit it as {FOLDER.as_posix()}/<key id>.pem if it is your pipeline's"
        )
    offered = read_images(content, keys)
    known = {(one.name, one.digest) for one in offered.images}
    for name, digest in {one.name: one.digest for one in load_images(checkout.root).images}.items():
        if (name, digest) not in known:
            raise SigningError(
                f"this list lacks {digest}, which is what the committed one gives pods of {name}: it is older; publish again"
            )
    return offered


def adopt(checkout: Checkout, content: bytes) -> bool:
    """Puts a signed list in place and renders what follows; False when the committed one already says the same. Raises as `read_list`."""
    offered, path = read_list(checkout, content), checkout.root / LIST
    before = path.read_bytes() if path.is_file() else None
    if before is not None and _says(checkout, before) == offered:
        return False
    write_whole(path, content)
    try:
        rendering.render(checkout, inventory.load(checkout.root))
    except TidegateError:
        # The facts were refused: a list without what follows from it would be half of a change.
        if before is None:
            path.unlink()
        else:
            write_whole(path, before)
        raise
    return True


def _says(checkout: Checkout, content: bytes) -> ImageCatalogue | None:
    """What a committed list says; None when no committed key has signed it, as after damage."""
    try:
        return read_images(content, load_image_keys(checkout.root))
    except SigningError:
        return None


def propose(checkout: Checkout, content: bytes, base: str) -> str:
    """Commits a signed list on a branch of its own, pushes it and opens a pull request into `base`, each unless it is done already.

    Returns what there is to say: the address of the pull request, or why there is none. The checkout is afterwards as it was. Raises
    `UsageError` for a checkout with changes or a refusal of Git, `ToolError` for one of GitHub, and as `read_list`.
    """
    if changed := git(checkout, "status", "--porcelain").splitlines():
        raise UsageError(f"{changed[0][3:]} is not as the last commit has it; commit or stash it")
    offered = read_list(checkout, content)
    if offered == load_images(checkout.root):
        return "the committed list says the same; there is nothing to propose"
    branch = f"image-list-{hashlib.sha256(offered.model_dump_json().encode()).hexdigest()[:12]}"
    if not git(checkout, *_LOGIN, "ls-remote", "--heads", REMOTE, f"refs/heads/{branch}").strip():
        with _on_branch(checkout, branch):
            adopt(checkout, content)
            git(checkout, "add", "--all")
            git(checkout, *_IDENTITY, "commit", "--quiet", "--message", _message(offered))
            git(checkout, *_LOGIN, "push", "--quiet", REMOTE, f"HEAD:refs/heads/{branch}")
    found = _gh(checkout, "pr", "list", "--head", branch, "--state", "all", "--json", "url", "--jq", ".[].url")
    if found:  # also one that somebody has closed: they have said no
        return f"{found.splitlines()[0]} is open or was closed before"
    return _gh(checkout, "pr", "create", "--base", base, "--head", branch, "--title", "List published images", "--body", _body(offered))


@contextmanager
def _on_branch(checkout: Checkout, branch: str) -> Generator[None]:
    """A new local branch for as long as the block takes; what is not committed on it goes with it."""
    before = git(checkout, "rev-parse", "--abbrev-ref", "HEAD").strip()
    before = git(checkout, "rev-parse", "HEAD").strip() if before == "HEAD" else before
    git(checkout, "checkout", "--quiet", "-B", branch)
    try:
        yield
    finally:
        git(checkout, "reset", "--quiet", "--hard")
        git(checkout, "clean", "--quiet", "--force", "-d", "--", "gitops")
        git(checkout, "checkout", "--quiet", before)
        git(checkout, "branch", "--quiet", "-D", branch)


def _message(offered: ImageCatalogue) -> str:
    revisions = ", ".join(sorted({one.revision[:12] for one in _newest(offered).values()}))
    return f"List published images\n\nBuilt from {revisions}; signed by the pipeline, as `tidegate validate` checks."


def _newest(offered: ImageCatalogue) -> dict[str, CataloguedImage]:
    return {one.name: one for one in offered.images}


def _body(offered: ImageCatalogue) -> str:
    rows = [f"| {one.name} | {one.tag} | `{one.digest}` | {one.revision[:12]} |" for one in _newest(offered).values()]
    return "\n".join(
        [
            "Pods get these images once this is merged, and admission lets them in.",
            "",
            "| image | release | digest | built from |",
            "|---|---|---|---|",
            *rows,
        ]
    )


def _gh(checkout: Checkout, *arguments: str) -> str:
    return tools.run(["gh", *arguments], cwd=checkout.root).stdout.strip()
