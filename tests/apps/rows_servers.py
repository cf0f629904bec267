# SPDX-License-Identifier: Apache-2.0
"""Rows of databases over unix sockets, and of languages whose runtimes ask much of a kernel: Java, Node.js, Go, Rust."""

from apps.compare import Row
from apps.rows_debian import text


def server(name, script, **compare):
    return Row(f"debian-servers/{name}", "debian-servers", ("bash", "-c", text(script)), **compare)


def language(name, script, **compare):
    return Row(f"debian-languages/{name}", "debian-languages", ("bash", "-c", text(script)), **compare)


ROWS = [
    server("postgresql", r"""
        export PATH=/usr/lib/postgresql/15/bin:$PATH PGHOST=/tmp/s PGUSER=postgres; mkdir /tmp/s; chown postgres /tmp/s
        pg() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
        pg initdb -D /tmp/s/d -A trust --no-locale -E UTF8 > /tmp/s/init.log || cat /tmp/s/init.log
        pg pg_ctl -D /tmp/s/d -w -s -l /tmp/s/log -o "-c listen_addresses='' -c unix_socket_directories=/tmp/s" start || cat /tmp/s/log
        psql -qAt -c 'create table t(i int primary key, v text)' -c "insert into t select g, md5(g::text) from generate_series(1, 10000) g" \
          -c 'select count(*), sum(i), min(v), max(v) from t' -c 'begin; delete from t where i % 2 = 0; rollback; select count(*) from t' \
          -c 'create index on t(v); vacuum analyze t; select i from t order by v limit 3'
        for n in 1 2 3 4; do psql -qAt -c "update t set v = v || '$n' where i = 1" & done; wait; psql -qAt -c 'select length(v) from t where i = 1'
        psql -qAt -c 'select i / 0'; echo $?; pg pg_ctl -D /tmp/s/d -w -s -m fast stop; echo $?; grep -c 'shut down' /tmp/s/log; rm -rf /tmp/s
    """),
    server("redis", r"""
        redis-server --port 0 --unixsocket /tmp/r --save '' --daemonize yes --logfile /tmp/log --dir /tmp > /dev/null
        for i in $(seq 100); do redis-cli -s /tmp/r ping > /tmp/p 2>&1 && break; sleep .1; done; cat /tmp/p
        c() { redis-cli -s /tmp/r "$@"; }; c set k v; c get k; for i in $(seq 1000); do echo "RPUSH l $i"; done | c --pipe | tail -1; c llen l; c lrange l 997 -1
        c incrby n 41; c eval 'return redis.call("incr", "n")' 0; c bgsave; while [ "$(c info persistence | grep -c 'rdb_bgsave_in_progress:0')" = 0 ]; do sleep .1; done
        c info persistence | grep rdb_last_bgsave_status; redis-benchmark -s /tmp/r -n 2000 -c 20 -q -t set,get > /dev/null; echo $?; c shutdown nosave; rm -f /tmp/*
    """),
    language("java", r"""
        cd /tmp; cat > Hello.java <<'E'
        import java.nio.file.*; import java.util.concurrent.*; import java.util.stream.*;
        public class Hello { public static void main(String[] a) throws Exception {
          ExecutorService p = Executors.newFixedThreadPool(8); var l = IntStream.range(0, 64).mapToObj(i -> p.submit(() -> { long s = 0; for (int k = 0; k < 100000; k++) s += k ^ i; return s; })).collect(Collectors.toList());
          long t = 0; for (var f : l) t += f.get(); p.shutdown(); System.out.println("hello " + t); System.gc();
          Thread[] h = new Thread[8]; int[] n = new int[1]; for (int i = 0; i < 8; i++) (h[i] = new Thread(() -> { for (int k = 0; k < 1000; k++) synchronized (n) { n[0]++; } })).start(); for (var x : h) x.join();
          Files.writeString(Path.of("/tmp/out"), "text"); System.out.println(n[0] + Files.readString(Path.of("/tmp/out"))); Process q = new ProcessBuilder("sh", "-c", "echo child; exit 3").redirectErrorStream(true).start();
          System.out.print(new String(q.getInputStream().readAllBytes())); System.out.println(q.waitFor()); System.exit(4); } }
        E
        javac Hello.java && java -Xmx256m Hello; echo $?; rm -f /tmp/*.class; rm -rf /tmp/hsperfdata_root
    """),
    language("node", r"""
        cat > /tmp/a.js <<'E'
        const { Worker, isMainThread, parentPort, workerData } = require('worker_threads'); const fs = require('fs'), cp = require('child_process'), net = require('net');
        if (!isMainThread) { let s = 0; for (let i = 0; i < 1e6; i++) s += i % (workerData + 2); parentPort.postMessage(s); } else (async () => {
          console.log(await Promise.all([...Array(6).keys()].map(n => new Promise((r, e) => new Worker(__filename, { workerData: n }).on('message', r).on('error', e)))));
          fs.writeFileSync('/tmp/f', 'x'.repeat(100000)); console.log((await fs.promises.readFile('/tmp/f')).length, cp.execSync('echo child').toString().trim(), cp.spawnSync('sh', ['-c', 'exit 5']).status);
          await new Promise(r => { const s = net.createServer(c => c.pipe(c)).listen('/tmp/sock', () => {
            const c = net.connect('/tmp/sock', () => c.end('echoed')); c.on('data', d => console.log(d.toString())).on('close', () => s.close(r)); }); });
          await new Promise(r => setTimeout(r, 50)); console.log('timer');
          await new Promise(r => { process.on('SIGUSR2', () => { console.log('usr2'); r(); }); process.kill(process.pid, 'SIGUSR2'); });
          process.on('exit', c => console.log('exit', c)); })();
        E
        node /tmp/a.js; echo $?; node -e 'throw new Error("x")' 2>&1 | grep -c Error
    """),
    language("go", r"""
        cd /tmp; export GOCACHE=/tmp/c GOFLAGS=-mod=mod GO111MODULE=off; cat > a.go <<'E'
        package main
        import ("fmt"; "net"; "os"; "os/exec"; "os/signal"; "runtime"; "sync"; "syscall"; "time")
        func main() {
          var w sync.WaitGroup; c := make(chan int, 10); var m sync.Mutex; n := 0
          for i := 0; i < 10000; i++ { w.Add(1); go func(i int) { defer w.Done(); m.Lock(); n++; m.Unlock(); if i%100 == 0 { c <- i } }(i) }
          s := 0; for i := 0; i < 100; i++ { s += <-c }; w.Wait(); fmt.Println(n, s); runtime.GC()
          for i := 0; i < 20; i++ { w.Add(1); go func() { defer w.Done(); runtime.LockOSThread(); time.Sleep(time.Millisecond) }() }; w.Wait()
          q := make(chan os.Signal, 1); signal.Notify(q, syscall.SIGUSR1); syscall.Kill(os.Getpid(), syscall.SIGUSR1); fmt.Println(<-q)
          o, e := exec.Command("sh", "-c", "echo child; exit 3").CombinedOutput(); fmt.Printf("%q %v\n", o, e)
          l, _ := net.Listen("unix", "/tmp/sock"); go func() { x, _ := l.Accept(); fmt.Fprint(x, "socket"); x.Close() }(); x, _ := net.Dial("unix", "/tmp/sock"); b := make([]byte, 9); k, _ := x.Read(b); fmt.Println(string(b[:k])); l.Close()
          defer func() { fmt.Println(recover()) }(); var p *int; fmt.Println(*p) }
        E
        go build -o a a.go && ./a; echo $?; rm -rf /tmp/*
    """),
    language("rust", r"""
        cd /tmp; cat > a.rs <<'E'
        use std::{collections::HashMap, fs, io::{Read, Write}, os::unix::net::UnixStream, process::Command, sync::{mpsc, Arc, Mutex}, thread};
        fn main() {
          let m = Arc::new(Mutex::new(HashMap::new()));
          let h: Vec<_> = (0..100).map(|i| { let m = m.clone(); thread::spawn(move || { for k in 0..100 { *m.lock().unwrap().entry(k % 7).or_insert(0u64) += i; } }) }).collect();
          for t in h { t.join().unwrap(); } println!("{}", m.lock().unwrap().values().sum::<u64>());
          let (s, r) = mpsc::channel(); for i in 0..8 { let s = s.clone(); thread::spawn(move || s.send(i * i).unwrap()); } drop(s); println!("{}", r.iter().sum::<i32>());
          let (mut a, mut b) = UnixStream::pair().unwrap(); thread::spawn(move || a.write_all(b"stream").unwrap()); let mut t = String::new(); b.read_to_string(&mut t).unwrap(); println!("{t}");
          println!("{:?}", Command::new("sh").args(["-c", "exit 3"]).status().unwrap().code()); fs::write("/tmp/f", "x").unwrap(); println!("{:?}", fs::metadata("/tmp/f").unwrap().len());
          println!("{:?}", thread::spawn(|| { let v: Vec<i32> = vec![]; v[1] }).join().is_err()); println!("{:?}", fs::read("/none").map_err(|e| e.kind())); std::process::exit(6); }
        E
        rustc -O a.rs -o a 2>&1 && ./a 2>/dev/null; echo $?; rm -f a
    """),
]
