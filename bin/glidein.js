#!/usr/bin/env node
import module from 'node:module';

// Node 22.8 and later; the floor is 20.19. Before anything of ours is loaded.
module.enableCompileCache?.();
await import('../dist/cli/main.js');
