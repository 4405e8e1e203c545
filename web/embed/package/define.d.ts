// Importing 'swarm-share/define' defines <swarm-share>.
export {}
