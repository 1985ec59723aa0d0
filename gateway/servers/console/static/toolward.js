// What makes pages live. Every page works without it; each thing here is switched on by an attribute in the page.

import { keys } from "./keys.js";
import { live } from "./live.js";
import { tellTimes } from "./times.js";

keys(document);
tellTimes(document);
for (const place of document.querySelectorAll("[data-live]")) live(place);
