from toolservers.search.tools import server
from toolward.kit.command import run

run(server)
