"""Names of profiles and of their operations as arguments, with completion."""

from __future__ import annotations

import click


class ProfileName(click.ParamType):  # type: ignore[type-arg] # generic in new releases of click only
    """A profile's name or file; completion offers the names."""

    name = "profile"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The profiles whose names begin like this."""
        from click.shell_completion import CompletionItem

        from cardcore.profile import catalog

        return [CompletionItem(source.id) for source in catalog.available() if source.id.startswith(incomplete)]


class OperationName(click.ParamType):  # type: ignore[type-arg] # as above
    """An operation of the profile language; completion offers those of the profile that was named."""

    name = "operation"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The operations that begin like this."""
        from click.shell_completion import CompletionItem

        from cardcore.errors import ProfileError
        from cardcore.profile import catalog
        from cardcore.profile.vocabulary import OPERATIONS

        try:
            operations = list(catalog.load(ctx.params.get("name") or "").operations)
        except ProfileError:
            operations = list(OPERATIONS)
        return [CompletionItem(name) for name in sorted(operations) if name.startswith(incomplete)]


PROFILE = ProfileName()
