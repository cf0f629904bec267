# SPDX-License-Identifier: Apache-2.0
"""Rows that run scripts of python3 and perl in Debian 12."""

from apps.rows_debian import run, text


def python(name, script, **compare):
    return run(f"python-{name}", "python3", "-c", text(script), **compare)


def perl(name, script, **compare):
    return run(f"perl-{name}", "perl", "-e", text(script), **compare)


ROWS = [
    # python3
    python("sum", "print(sum(range(10)))"),
    python("threads", r"""
        import threading as t
        q=[];l=t.Lock()
        def f(i):
          for k in range(200):
            with l: q.append(i)
        x=[t.Thread(target=f,args=(i,)) for i in range(16)]
        [a.start() for a in x];[a.join() for a in x]
        print(len(q),sorted(set(q)))
    """),
    python("thread-pool", r"""
        import concurrent.futures as c, hashlib
        with c.ThreadPoolExecutor(8) as p:
          print(sum(p.map(lambda i: hashlib.sha256(bytes([i]) * 5000).digest()[0], range(100))))
    """),
    python("subprocess", r"""
        import subprocess as s
        print(s.run(['sh','-c','cat; echo err >&2; exit 3'],input=b'in',capture_output=True))
        print(s.check_output('echo $((6*7))',shell=True))
        p=s.Popen(['sleep','1000']);p.terminate();print(p.wait())
        try: s.run(['/none'])
        except FileNotFoundError as e: print(e)
        try: s.run(['sleep','1000'],timeout=.2)
        except s.TimeoutExpired: print('timeout')
    """),
    python("many-subprocesses", r"""
        import subprocess
        ps=[subprocess.Popen(['sh','-c',f'exit {i}']) for i in range(20)]
        print([p.wait() for p in ps])
    """),
    python("multiprocessing", r"""
        import multiprocessing as m
        def f(x): return x*x
        if __name__=='__main__':
          with m.get_context('fork').Pool(4) as p: print(p.map(f, range(20)))
    """),
    python("fork-signals", r"""
        import os,signal
        r,w=os.pipe()
        pid=os.fork()
        if pid==0:
          signal.signal(signal.SIGUSR1,lambda *a: os._exit(42)); os.write(w,b'x')
          while True: signal.pause()
        os.read(r,1)
        os.kill(pid,signal.SIGUSR1)
        print(os.waitstatus_to_exitcode(os.waitpid(pid,0)[1]))
    """),
    python("alarm", r"""
        import signal
        def h(*a): raise TimeoutError('alarm')
        signal.signal(signal.SIGALRM,h);signal.setitimer(signal.ITIMER_REAL,.05)
        try:
          while True: sum(range(100))
        except TimeoutError as e: print(e)
    """),
    python("files", r"""
        import os,tempfile,json,shutil
        d=tempfile.mkdtemp(dir='/tmp');p=os.path.join(d,'f')
        json.dump({'a':[1,2,{'b':None}]},open(p,'w'))
        print(json.load(open(p)),os.stat(p).st_size,oct(os.stat(d).st_mode))
        os.rename(p,p+'2')
        os.link(p+'2',p)
        print(os.stat(p).st_nlink,sorted(os.listdir(d)))
        shutil.rmtree(d)
        for r,ds,fs in sorted(os.walk('/data')): print(r,sorted(ds),sorted(fs))
    """),
    python("mmap", r"""
        import mmap,os
        f=open('/tmp/m','w+b')
        f.truncate(8192)
        m=mmap.mmap(f.fileno(),8192)
        m[4096:4101]=b'hello'
        m.flush()
        f.seek(4096)
        print(f.read(5))
        a=mmap.mmap(-1,4096)
        if os.fork()==0: a[0]=7; os._exit(0)
        os.wait();print(a[0])
    """),
    python("selectors", r"""
        import selectors,os
        s=selectors.DefaultSelector();print(type(s).__name__)
        r,w=os.pipe()
        s.register(r,selectors.EVENT_READ,'r')
        print(s.select(0))
        os.write(w,b'x')
        print([(k.data,e) for k,e in s.select(5)])
    """),
    python("asyncio", r"""
        import asyncio
        async def f(i):
          await asyncio.sleep(0.01*(5-i)); return i
        async def main():
          print(await asyncio.gather(*map(f,range(5))))
          p=await asyncio.create_subprocess_exec('cat',stdin=-1,stdout=-1)
          print((await p.communicate(b'async'))[0], p.returncode)
        asyncio.run(main())
    """),
    python("unix-sockets", r"""
        import array, os, socket, socketserver, threading
        class Echo(socketserver.StreamRequestHandler):
          def handle(self):
            for line in self.rfile: self.wfile.write(line.upper())
        server=socketserver.ThreadingUnixStreamServer('/tmp/echo',Echo)
        threading.Thread(target=server.serve_forever).start()
        for i in range(3):
          with socket.socket(socket.AF_UNIX) as s:
            s.connect('/tmp/echo'); s.sendall(b'line %d\n'%i); print(s.makefile().readline().strip(), s.getpeername())
        server.shutdown(); server.server_close(); os.unlink('/tmp/echo')
        a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM)
        socket.send_fds(a,[b'fd'],[1]); m,fds,flags,_=socket.recv_fds(b,9,4); print(m,flags); os.write(fds[0],b'through\n')
        try: socket.socket(socket.AF_UNIX).connect('\0nobody')
        except OSError as e: print(e)
    """),
    python("multiprocessing-pool", r"""
        import multiprocessing as mp
        def square(n): return n*n
        def child(q, c):
          q.put('queued'); c.send({'sent': [1,2]}); c.close()
        if __name__ == '__main__':
          q=mp.Queue(); a,b=mp.Pipe()
          p=mp.Process(target=child,args=(q,b)); p.start()
          print(q.get(), a.recv()); p.join(); print(p.exitcode)
          with mp.Pool(2) as pool: print(pool.map(square, range(20)))
    """),
    python("traceback", r"""
        import sys
        def f(n): return 1/n
        print('out'); sys.stdout.flush(); f(0)
    """),
    python("stdin", r"""
        import sys
        for n,l in enumerate(sys.stdin): print(n,l.strip()[::-1])
    """, stdin="first\nsecond\n"),
    python("time", r"""
        import time
        a=time.monotonic()
        time.sleep(.02)
        b=time.monotonic()
        print(b-a>=.02, time.time()>1.7e9, time.process_time()>0, time.gmtime(0).tm_year)
    """),
    python("memory", r"""
        b=bytearray(200*1024*1024)
        for i in range(0,len(b),4096): b[i]=1
        print(sum(b[::4096]));del b
        l=[list(range(1000)) for _ in range(1000)];print(len(l))
    """),
    python("imports", r"""
        import ssl,sqlite3,ctypes,decimal,zlib,bz2,lzma,uuid,email,http.client,xml.dom.minidom
        print(zlib.crc32(b'x'*100000),len(lzma.compress(b'y'*100000)),ctypes.sizeof(ctypes.c_long),decimal.Decimal(1)/7)
    """),
    python("sqlite", r"""
        import sqlite3
        c=sqlite3.connect('/tmp/db')
        c.execute('create table t(a,b)')
        c.executemany('insert into t values(?,?)',[(i,i*i) for i in range(100)])
        c.commit()
        print(c.execute('select sum(b),count(*) from t where a%2').fetchall())
        c.close()
        import os
        os.unlink('/tmp/db')
    """),
    # perl
    perl("text", r"""
        open F, '/data/words.txt'; while (<F>) {chomp;
        $n{$_}++} print join(',', map {"$_=$n{$_}"} sort keys %n), "\n";
        printf "%.3f %s\n", atan2(1,1)*4, scalar reverse 'abc'; die "over\n"
    """),
    perl("fork", r"""
        $|=1;
        for $i (1..4) {if (!defined($p=fork)) {die} if (!$p) {exit $i} push @p,$p} $s+=(waitpid($_,0),$?>>8)[1] for @p;
        print "$s\n"; print `echo inner`; system('exit 3;'); print $?>>8,"\n"; open P,'|sort';
        print P "b\na\n"; close P
    """),
    perl("signals", r"""
        $SIG{ALRM}=sub{die "alarm\n"}; alarm 1; eval {select undef,undef,undef,100}; print $@;
        $SIG{CHLD}='IGNORE'; if (!fork) {exit 0} print wait,"\n"; kill 'USR1',$$;
        print 'init has no default actions'
    """),
]
