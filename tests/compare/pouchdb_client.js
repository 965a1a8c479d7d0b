// The other side: a local LevelDB database that is replicated; a command a line on standard input, an answer a line.
// node pouchdb_client.js DIRECTORY
//     {"load": FILE}                 -> {"loaded": N}
//     {"target": URL, "batch": N}    -> {"seconds": S, "written": N}
const fs = require('fs');
const readline = require('readline');
const Pouch = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-leveldb'))
  .plugin(require('pouchdb-adapter-http'))
  .plugin(require('pouchdb-replication'));

const lines = (input) => readline.createInterface({ input, crlfDelay: Infinity });
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

async function loaded(source, file) {
  let documents = [];
  for await (const line of lines(fs.createReadStream(file))) {
    documents.push(JSON.parse(line));
    if (documents.length === 1000) await source.bulkDocs(documents.splice(0));
  }
  await source.bulkDocs(documents);
  return { loaded: (await source.info()).doc_count };
}

async function replicate(source, { target, batch }) {
  const there = new Pouch(target, { adapter: 'http' });
  await there.info(); // makes the database
  const started = process.hrtime.bigint();
  // Batches are read ahead of the one that is being written, as many as the default has.
  const done = await Pouch.replicate(source, there, { batch_size: batch, batches_limit: 10 });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  return { seconds, written: (await there.info()).doc_count, failed: done.doc_write_failures };
}

async function main([directory]) {
  const source = new Pouch(`${directory}/source`, { adapter: 'leveldb' });
  for await (const line of lines(process.stdin)) {
    try {
      const command = JSON.parse(line);
      say(await ('load' in command ? loaded(source, command.load) : replicate(source, command)));
    } catch (error) {
      say({ error: String(error) });
    }
  }
  await source.close();
}

main(process.argv.slice(2));
