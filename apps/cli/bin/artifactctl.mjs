#!/usr/bin/env node
import { launch } from "./launch.mjs";

await launch("artifactctl", "artifactctl/main.ts");
