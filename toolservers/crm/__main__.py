from toolservers.crm.tools import server
from toolward.kit.command import run

run(server)
