"""What hub.fetch says of each repository named; run with HF_ENDPOINT set, which the client reads on import."""

import json
import sys

from calculators.architecture import parameters
from presets.importing import from_config, from_header, hub

hub.WAIT_S = 0.5
said = {}
for name in sys.argv[1:]:
    try:
        found = hub.fetch(name)
        own = from_header(found.header, config=found.config) if found.header else from_config(found.config, name="x")
        said[name] = [parameters(own.architecture), *found.notes]
    except ValueError as error:
        said[name] = str(error)
print(json.dumps(said))
