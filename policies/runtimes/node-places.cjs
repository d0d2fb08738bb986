// Loaded by Node before the program. Node hands most of its work to other threads or does it later, so no stack tells
// the line that asked for it. Here that line is told to the watcher just before an operation that may be refused: as the
// name of a file that is opened and never exists, /.belljar/v1/OPERATION/LINE/COLUMN/CERTAINTY/FILE/TARGET. Nothing is
// decided here, and a program that undoes this only loses its lines. It is compiled under the name of one of Node's own
// files, so that nobody takes it for the program's. Works below Node's own modules (`process.binding`),
// so all ways to the same operation are seen, and no module is loaded that the program does not load.
"use strict";
(() => {
  const [WRITE, CREATE, ACCESS_MODE] = [0o1, 0o100, 0o3];
  const { apply, construct } = Reflect;
  const nothing = Object.freeze({});
  const Module = module.constructor;
  const loaded = process.moduleLoadList;
  const binding = (name) => {
    const { noDeprecation } = process;
    try {
      process.noDeprecation = true;
      return process.binding(name);
    } finally {
      process.noDeprecation = noDeprecation;
    }
  };
  let files;
  try {
    files = binding("fs");
    if (!Array.isArray(loaded)) return;
    // Code on the command line is no document. A worker does not know yet what it will run, but has no such code.
    if (process.argv.length < 2 && process._eval !== undefined) return;
  } catch {
    return;
  }

  // Where the program is: the document's innermost call, or nothing.
  let main, document, documentUrl, documentReal, documentName;
  const learnDocument = () => {
    main = process.argv[1];
    document = documentUrl = documentReal = documentName = undefined;
    // The loader of the TypeScript runtime puts the document in its own place when it has compiled it.
    if (typeof main !== "string" || main[0] !== "/" || main.endsWith("/typescript-loader.cjs")) return;
    document = main;
    try {
      documentReal = require("fs").realpathSync.native(main);
    } catch {}
    documentUrl = require("url").pathToFileURL(documentReal || main).href;
    documentName = encodeURIComponent(main);
  };
  const raw = (_, sites) => sites;
  const sitesNow = () => {
    const hadPrepare = Object.prototype.hasOwnProperty.call(Error, "prepareStackTrace");
    const { stackTraceLimit, prepareStackTrace } = Error;
    const holder = {};
    try {
      Error.stackTraceLimit = 50;
      Error.prepareStackTrace = raw;
      Error.captureStackTrace(holder, sitesNow);
      return holder.stack;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      if (hadPrepare) Error.prepareStackTrace = prepareStackTrace;
      else delete Error.prepareStackTrace;
    }
  };
  const original = (file, line, column) => {
    const { findSourceMap } = Module;
    const map = findSourceMap && (findSourceMap(file) || findSourceMap(documentUrl));
    const entry = map && map.findEntry(line - 1, column - 1);
    if (!entry || typeof entry.originalLine !== "number") return { line, column };
    return { line: entry.originalLine + 1, column: entry.originalColumn + 1 };
  };
  const here = (within) => {
    try {
      if (main !== process.argv[1]) learnDocument();
      if (!document) return nothing;
      const sites = sitesNow();
      if (!Array.isArray(sites)) return nothing;
      let certainty = "exact";
      let isWithin = within === undefined;
      for (const site of sites) {
        isWithin = isWithin || site.getFunctionName() === within;
        const file = site.getFileName();
        if (file === document || file === documentUrl || file === documentReal) {
          if (!isWithin) return nothing;
          const at = original(file, site.getLineNumber(), site.getColumnNumber());
          return { ...at, certainty };
        }
        if (file === __filename || (file && file.startsWith("node:"))) continue;
        if (file || site.isEval()) certainty = "caller";
      }
    } catch {}
    return nothing;
  };

  // What was told last is remembered by the watcher, too, and need not be told again.
  const told = new Map();
  const LONGEST = 3000;
  let openSync;
  const tell = (operation, target, place) => {
    if (!place.line) return;
    target = String(target).slice(0, LONGEST);
    const at = `${place.line}/${place.column}/${place.certainty}`;
    const key = `${operation}/${target}`;
    // Of programs the one that was started last counts.
    if (told.get(key) === at && operation !== "spawn") return;
    told.delete(key);
    told.set(key, at);
    if (told.size > 32) told.delete(told.keys().next().value);
    const limit = Error.stackTraceLimit;
    try {
      Error.stackTraceLimit = 0;
      openSync = openSync || require("fs").openSync;
      openSync(`/.belljar/v1/${operation}/${at}/${documentName}/${target}`, WRITE | CREATE, 0);
    } catch {
    } finally {
      try {
        Error.stackTraceLimit = limit;
      } catch {}
    }
  };
  const host = (address) => String(address).replace(/^\[|\]$/g, "");
  // Once a line asked for a host, it is the one that is meant if Node connects later, with nobody on the stack.
  const askers = new Map();
  const remember = (host, place) => {
    if (!place.line) return;
    askers.set(host, place);
    if (askers.size > 32) askers.delete(askers.keys().next().value);
  };
  let firstAsker = nothing;
  const placeOf = (handle, host) => {
    const place = here();
    if (place.line) return place;
    const known = places.get(handle) || askers.get(host);
    if (known) return known;
    const first = firstAsker;
    firstAsker = nothing;
    return first;
  };
  const places = new WeakMap();

  // Our own calls are not shown in the program's errors.
  const hide = (error) => {
    try {
      if (!error.stack.includes(__filename)) return;
      error.stack = error.stack.split("\n").filter((line) => !line.includes(__filename)).join("\n");
    } catch {}
  };
  // Replaces a function of an object by one that first calls `before` with the same arguments.
  const wrap = (object, name, before) => {
    const inner = object && object[name];
    if (typeof inner !== "function") return;
    object[name] = function (...rest) {
      // The program may have changed whatever we use: then its line is not known, and that is all.
      try {
        before(this, rest);
      } catch {}
      try {
        return apply(inner, this, rest);
      } catch (error) {
        hide(error);
        throw error;
      }
    };
  };

  // Files. Only names that a cell may refuse: outside of the project and the scratch space, or like a secret.
  const near = ["/tmp/", "/dev/", "/proc/"];
  let directory, directorySlash;
  const SECRET = /(?:^|\/)\.[^./]|_netrc|secret|credential|service-account|wp-config|\.tf|\.(?:pem|key|p12|pfx|jks|kdbx?|ppk|ovpn|keystore)\b|id_[a-z0-9]+/i;
  // Every cell shows these, and lets nobody write there.
  const SYSTEM = /^\/(?:usr|lib|lib64|bin|sbin)\//;
  const isAway = (path, isRead) => {
    if (path[0] !== "/") path = require("path").resolve(path);
    if (path.startsWith("/.belljar/")) return undefined;
    const now = process.cwd();
    if (directory !== now) [directory, directorySlash] = [now, now.endsWith("/") ? now : `${now}/`];
    if (path.includes("/../") || path.endsWith("/..")) path = require("path").resolve(path);
    if (isRead && SYSTEM.test(path)) return undefined;
    const isNear = path.startsWith(directorySlash) || path === directory || near.some((one) => path.startsWith(one));
    return isNear && !SECRET.test(path) ? undefined : path;
  };
  let firstStream = nothing;
  const tellPath = (path, place, isRead, isLook) => {
    if (typeof path !== "string") {
      if (!(path instanceof Uint8Array)) return place;
      path = Buffer.from(path).toString();
    }
    // Most of what is read is the document, and the directories that lead to it.
    const script = process.argv[1];
    if (isRead && typeof script === "string" && script.startsWith(path)) return place;
    const away = isAway(path, isRead);
    // What is copied or removed is looked at first, and then nobody is on the stack any more.
    if (away === undefined && isLook && SYSTEM.test(path)) remember(path, here());
    if (away === undefined) return place;
    place = place || here();
    if (place.line) tell("file", away, place);
    else {
      tell("file", away, askers.get(path) || firstStream);
      firstStream = nothing;
    }
    return place;
  };
  const writes = (_, rest) => void tellPath(rest[0]);
  const reads = (_, rest) => void tellPath(rest[0], undefined, true);
  const opens = (_, rest) => void tellPath(rest[0], undefined, (rest[1] & (ACCESS_MODE | CREATE)) === 0);
  const two = (_, rest) => void tellPath(rest[1], tellPath(rest[0]));
  for (const name of ["open", "openFileHandle", "readFileUtf8"]) wrap(files, name, opens);
  const looks = (_, rest) => void tellPath(rest[0], undefined, true, true);
  for (const name of ["readdir", "opendir", "readlink", "access", "existsSync"]) wrap(files, name, reads);
  for (const name of ["stat", "lstat"]) wrap(files, name, looks);
  for (const name of [
    "writeFileUtf8", "mkdir", "mkdtemp", "rmdir", "rmSync", "unlink", "chmod", "chown", "lchown", "utimes", "lutimes",
  ]) wrap(files, name, writes);
  for (const name of ["rename", "link", "copyFile", "cpSyncCopyDir"]) wrap(files, name, two);
  wrap(files, "symlink", (_, rest) => void tellPath(rest[1]));

  // Everything else is changed when Node loads it, which the list of what is loaded tells.
  const late = new Map();
  const whenLoaded = (name, use) => {
    if (loaded.includes(name)) use();
    else late.set(name, use);
  };
  const part = (name, use) => whenLoaded(`Internal Binding ${name}`, () => use(binding(name)));
  const set = (_, key, value, list) => {
    const isSet = Reflect.defineProperty(list, key, { value, writable: true, enumerable: true, configurable: true });
    try {
      const use = late.get(value);
      late.delete(value);
      if (use) use();
    } catch {}
    return isSet;
  };
  Object.setPrototypeOf(loaded, new Proxy(Array.prototype, { set }));

  // A stream opens its file after it has been made. The first one is being made when this is loaded.
  whenLoaded("NativeModule internal/fs/streams", () => {
    firstStream = here();
    const fs = require("fs");
    for (const name of ["createReadStream", "createWriteStream"]) {
      const inner = fs[name];
      const outer = { [name](path, options) {
        try {
          if (typeof path === "string") remember(path, here());
        } catch {}
        return apply(inner, this, [path, options]);
      } }[name];
      fs[name] = outer;
    }
    Module.syncBuiltinESMExports();
  });

  // Signals and programs.
  wrap(process, "_kill", (_, rest) => rest[1] && tell("signal", rest[0], here()));
  const tellProgram = (_, rest) => {
    const [first] = rest;
    // Newer versions give the file itself.
    const file = typeof first === "string" ? first : first && first.file;
    if (file) tell("spawn", file, here());
  };
  part("process_wrap", ({ Process }) => wrap(Process.prototype, "spawn", tellProgram));
  part("spawn_sync", (spawnSync) => wrap(spawnSync, "spawn", tellProgram));
  // Network. A handle is made while the program still is on the stack; connecting comes later.
  // Every program may bind to the cell's own addresses.
  const bind = (handle, [address, port]) => {
    if (!/^(?:0\.0\.0\.0|127\..*|::1?)$/.test(address)) tell("bind", spot(address, port), placeOf(handle));
  };
  const spot = (address, port) => (host(address).includes(":") ? `[${host(address)}]:${port}` : `${address}:${port}`);
  const keepPlace = (object, name, first) => {
    const Inner = object[name];
    const Outer = function (...rest) {
      const handle = construct(Inner, rest, new.target === Outer ? Inner : new.target);
      try {
        const use = first;
        first = undefined;
        if (use) use();
        const place = here();
        if (place.line) places.set(handle, place);
      } catch {}
      return handle;
    };
    Outer.prototype = Inner.prototype;
    Object.setPrototypeOf(Outer, Inner);
    object[name] = Outer;
  };
  part("tcp_wrap", (tcp) => {
    const connect = (handle, [, address, port]) => tell("connect", spot(address, port), placeOf(handle, host(address)));
    for (const name of ["connect", "connect6"]) wrap(tcp.TCP.prototype, name, connect);
    for (const name of ["bind", "bind6"]) wrap(tcp.TCP.prototype, name, bind);
    keepPlace(tcp, "TCP");
  });
  part("pipe_wrap", (pipe) => {
    wrap(pipe.Pipe.prototype, "connect", (handle, [, path]) => tell("connect", path, placeOf(handle, path)));
    wrap(pipe.Pipe.prototype, "bind", (handle, [path]) => tell("bind", path, placeOf(handle)));
  });
  part("udp_wrap", (udp) => {
    const connect = (handle, [address, port]) => tell("connect", spot(address, port), placeOf(handle, host(address)));
    const send = (handle, [, , , port, address]) => {
      const place = here();
      const known = place.line ? place : askers.get(host(address)) || places.get(handle);
      if (typeof address === "string" && known) tell("connect", spot(address, port), known);
    };
    for (const name of ["connect", "connect6"]) wrap(udp.UDP.prototype, name, connect);
    for (const name of ["send", "send6"]) wrap(udp.UDP.prototype, name, send);
    for (const name of ["bind", "bind6"]) wrap(udp.UDP.prototype, name, bind);
    // A message waits until its socket is bound. Whoever makes the first such handle has loaded the module.
    keepPlace(udp, "UDP", () => {
      wrap(require("dgram").Socket.prototype, "send", (_, rest) => {
        const place = here();
        for (const address of rest) if (typeof address === "string") remember(host(address), place);
      });
    });
  });
  part("cares_wrap", (names) => {
    const ask = (handle, [, name]) => {
      const place = placeOf(handle, host(name));
      remember(host(name), place);
      tell("resolve", name, place);
    };
    wrap(names, "getaddrinfo", ask);
    const { prototype } = names.ChannelWrap;
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (/^(?:query|getHostByAddr)/.test(name)) wrap(prototype, name, ask);
    }
  });

  // Output, in runs that tell the line that printed it: said anew for each print, until that takes too much of the
  // program's time. Node prints to pipes while the call is made.
  if (module.tellsOutput) {
    const [MOST_PRINTS, SHARE] = [2000, 10n];
    const { bigint: now } = process.hrtime;
    const began = now();
    let [prints, spent] = [0, 0n];
    const tellPrint = (stream) => {
      if (stream !== 1 && stream !== 2) return;
      const start = now();
      if (prints >= MOST_PRINTS && spent * SHARE > start - began) return;
      prints += 1;
      told.delete(`print/${stream}`);
      tell("print", stream, here());
      spent += now() - start;
    };
    part("pipe_wrap", ({ Pipe }) => {
      for (const form of ["Buffer", "Utf8String", "AsciiString", "Latin1String", "Ucs2String"]) {
        wrap(Pipe.prototype, `write${form}`, ({ fd }) => tellPrint(fd));
      }
      wrap(Pipe.prototype, "writev", ({ fd }) => tellPrint(fd));
    });
    for (const name of ["writeString", "writeBuffer", "writeBuffers", "writeFileUtf8"]) {
      wrap(files, name, (_, rest) => tellPrint(rest[0]));
    }
  }

  // What is fetched is connected to after the call has returned.
  const ask = (input) => {
    try {
      const place = here();
      if (!place.line) return;
      const { hostname } = new URL(typeof input === "object" && input && "url" in input ? input.url : input);
      remember(host(hostname), place);
    } catch {}
  };
  const change = (name, by) => {
    const described = Object.getOwnPropertyDescriptor(globalThis, name);
    if (described && described.configurable) Object.defineProperty(globalThis, name, by(described));
  };
  whenLoaded("NativeModule internal/deps/undici/undici", () => {
    // Whoever fetches first does so now; it also is loaded for other reasons.
    firstAsker = here("fetch");
    change("fetch", (described) => {
      if (typeof described.value !== "function") return described;
      const trap = { apply: (inner, self, rest) => (ask(rest[0]), apply(inner, self, rest)) };
      return { ...described, value: new Proxy(described.value, trap) };
    });
    for (const name of ["WebSocket", "EventSource"]) {
      change(name, (described) => {
        if (typeof described.get !== "function") return described;
        const trap = { construct: (inner, rest, target) => (ask(rest[0]), construct(inner, rest, target)) };
        let made;
        const get = () => {
          const inner = apply(described.get, globalThis, []);
          return typeof inner === "function" ? (made = made || new Proxy(inner, trap)) : inner;
        };
        return { ...described, get };
      });
    }
  });
})();
