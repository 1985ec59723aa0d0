from toolservers.files.tools import server
from toolward.kit.command import run

run(server)
