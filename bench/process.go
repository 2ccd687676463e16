package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server under measurement, with the processes that it starts: they share its process group.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

// spawn starts a server in dir, with its output in dir/log. It ends with this process, however that ends.
func spawn(dir string, env []string, program string, args ...string) (*process, error) {
	return spawnAs(dir, nil, env, program, args...)
}

// spawnAs is spawn for a server that runs as another user.
func spawnAs(dir string, as *syscall.Credential, env []string, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), log: filepath.Join(dir, "log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: as}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() //nolint:errcheck // how it ended stands in its log
		close(p.done)
	}()
	return p, nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended by itself
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.cmd.Process.Kill() //nolint:errcheck // it may have ended just now
		<-p.done
	}
}

// wait asks until the server works, at most a minute; it is stopped when it does not.
func (p *process) wait(ctx context.Context, ask func() error) error {
	for start := time.Now(); ; {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.cmd.Path, p.lastWords())
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(50 * time.Millisecond):
			if time.Since(start) < time.Minute {
				continue
			}
		}
		p.stop()
		return fmt.Errorf("%s does not work: %w: %s", p.cmd.Path, err, p.lastWords())
	}
}

// lastWords is the end of what the server printed.
func (p *process) lastWords() string {
	log, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-1000):])
}

// members calls f with the folder in /proc of each process of the group, and the fields of its stat file from the state on (see proc(5)).
func (p *process) members(f func(dir string, fields [][]byte)) {
	group := []byte(strconv.Itoa(p.cmd.Process.Pid))
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return
	}
	for _, dir := range dirs {
		stat, err := os.ReadFile(dir + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 14 && bytes.Equal(fields[2], group) {
			f(dir, fields)
		}
	}
}

// cpu is the CPU time of the server until now, in user and system mode, of all its threads and of its children, also those that have ended.
func (p *process) cpu() time.Duration {
	var ticks int64
	p.members(func(_ string, fields [][]byte) {
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(string(field), 10, 64)
			ticks += n
		}
	})
	return time.Duration(ticks) * (time.Second / 100) // USER_HZ is 100 on every architecture that Go runs on
}

// resident is the memory of the server in MB (10^6 bytes) that is in RAM now.
func (p *process) resident() float64 {
	var kib int64
	p.members(func(dir string, _ [][]byte) {
		status, err := os.ReadFile(dir + "/status")
		if err != nil {
			return
		}
		if _, rest, ok := bytes.Cut(status, []byte("VmRSS:")); ok {
			n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			kib += n
		}
	})
	return float64(kib) * 1024 / 1e6
}

// ownCPU is the CPU time of the generator itself.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// flush writes everything of the file system that holds dir to disk.
func flush(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}
