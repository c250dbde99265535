// Starts `karush lsp` and lets VS Code talk to it; everything else is the server's.
"use strict";

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function start() {
  const [command, ...args] = vscode.workspace.getConfiguration("karush").get("command");
  client = new LanguageClient(
    "karush",
    "Karush",
    { command, args },
    { documentSelector: [{ language: "karush" }] },
  );
  try {
    await client.start();
  } catch (error) {
    const install = "pip install 'karush[lsp]', or set karush.command";
    vscode.window.showErrorMessage(`Karush: \`${command}\` could not be started (${install}): ${error.message}`);
  }
}

async function stop() {
  if (client && client.isRunning()) {
    await client.stop();
  }
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("karush.restart", async () => {
      await stop();
      await start();
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
