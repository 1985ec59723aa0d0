from toolservers.calculator.tools import server
from toolward.kit.command import run

run(server)
