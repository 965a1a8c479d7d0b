// The server's side of the CouchDB protocol: express-pouchdb over LevelDB, on loopback.
// node pouchdb_server.js DIRECTORY PORT
const [directory, port] = process.argv.slice(2);
const Pouch = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-leveldb'))
  .defaults({ prefix: `${directory}/`, adapter: 'leveldb' });
const app = require('express')();
app.use(require('express-pouchdb')(Pouch, {
  mode: 'minimumForPouchDB',
  inMemoryConfig: true,
  logPath: `${directory}/log.txt`,
}));
app.listen(Number(port), '127.0.0.1');
