"""What a command binds policies to and compares pins with: the backends of the gateway that runs here, or where
none does, of one for this command alone. A second one beside the first could not start servers on its ports."""

from gateway.bootstrap.surroundings import Surroundings, surroundings_of, surroundings_with
from gateway.cli.running import is_running, running
from gateway.cli.session import Common, open_own, settings_of


async def surroundings(common: Common) -> Surroundings:
    """Raises ConfigurationError, Denied by the gateway that runs, Unauthenticated where that is another home's."""
    settings, home = settings_of(common)
    if is_running(settings):
        async with running(settings, home) as gateway:
            listings = await gateway.listings()
        return surroundings_with(listings, settings, home)
    async with open_own(common) as own:
        return surroundings_of(own)
