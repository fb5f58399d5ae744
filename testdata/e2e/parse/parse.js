// parse.js FOLDER: parses every .ps1, .cmd and .bat below a folder. Exit 1 where a parser
// finds an error or misses something, with file and line; 2 where there is
// nothing to parse.
import { setFlagsFromString } from "node:v8";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { Language, Parser } from "web-tree-sitter";

// Without it V8 optimises the grammars for minutes, to parse for a tenth of a second.
setFlagsFromString("--liftoff-only");

const require = createRequire(import.meta.url);
const folder = process.argv[2];
if (!folder) {
  console.error("parse.js: which folder?");
  process.exit(2);
}

const grammars = {
  ps1: "tree-sitter-powershell",
  cmd: "tree-sitter-batch",
  bat: "tree-sitter-batch",
};
const extension = (name) => name.slice(name.lastIndexOf(".") + 1).toLowerCase();
const names = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && extension(entry.name) in grammars)
  .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  .sort();
if (names.length === 0) {
  console.error(`parse.js: no script below ${folder}`);
  process.exit(2);
}

await Parser.init();
const parsers = {};
async function parserOf(name) {
  const grammar = grammars[extension(name)];
  if (!(grammar in parsers)) {
    const wasm = join(dirname(require.resolve(`${grammar}/package.json`)), `${grammar}.wasm`);
    parsers[grammar] = new Parser();
    parsers[grammar].setLanguage(await Language.load(readFileSync(wasm)));
  }
  return parsers[grammar];
}

// The nodes that are wrong: those that no rule takes, and those that a rule
// wants and that are not there.
function* wrong(node) {
  if (node.isError || node.isMissing) {
    yield node;
    return;
  }
  for (const child of node.children) {
    if (child.hasError || child.isMissing) yield* wrong(child);
  }
}

// What a grammar does not know though cmd.exe does: input redirection.
const known = (name, text) => (extension(name) === "ps1" ? text : text.replace(/<nul\b/gi, "    "));

let failures = 0;
for (const name of names) {
  const text = known(name, readFileSync(join(folder, name), "latin1"));
  const tree = (await parserOf(name)).parse(text);
  for (const node of wrong(tree.rootNode)) {
    const { row, column } = node.startPosition;
    const what = node.isMissing ? `${node.type} is missing` : `cannot be read: ${node.text.slice(0, 60).split(/\r?\n/)[0]}`;
    console.log(`${name}:${row + 1}:${column + 1}: ${what}`);
    failures++;
  }
  tree.delete();
}
console.log(`${names.length} scripts parsed, ${failures} errors`);
process.exit(failures === 0 ? 0 : 1);
