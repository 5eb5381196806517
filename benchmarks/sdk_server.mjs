// The same small server as sdk_server.py on the official TypeScript SDK. Run it where the package
// @modelcontextprotocol/sdk is found: node sdk_server.mjs, in or below a folder with node_modules, or with its path in
// MCP_SDK (the folder that holds the package).
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL((process.env.MCP_SDK ?? process.cwd()) + "/"));
const { McpServer, ResourceTemplate } = require("@modelcontextprotocol/sdk/server/mcp.js");
const { StdioServerTransport } = require("@modelcontextprotocol/sdk/server/stdio.js");
const { z } = require("zod");

const server = new McpServer({ name: "small", version: "1.0.0" });
const text = (said) => ({ content: [{ type: "text", text: String(said) }] });
server.registerTool(
  "echo", { description: "Gives back the text.", inputSchema: { text: z.string() } }, async (given) => text(given.text),
);
server.registerTool(
  "add", { description: "Adds two integers.", inputSchema: { a: z.number().int(), b: z.number().int() } },
  async (given) => text(given.a + given.b),
);
server.registerResource(
  "note", new ResourceTemplate("note://{name}", { list: undefined }), { description: "A note." },
  async (uri, given) => ({ contents: [{ uri: uri.href, text: `the note ${String(given.name).slice(0, 40)}` }] }),
);
server.registerPrompt(
  "greet", { description: "A greeting.", argsSchema: { name: z.string() } },
  async (given) => ({ messages: [{ role: "user", content: { type: "text", text: `Greet ${given.name.slice(0, 40)}.` } }] }),
);
await server.connect(new StdioServerTransport());
