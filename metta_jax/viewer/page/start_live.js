window.viewer = new Player();
startLive(window.viewer, LIVE_ADDRESS);
