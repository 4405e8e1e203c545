// Importing 'swarm-share/check/define' defines <swarm-check>.
export {}
