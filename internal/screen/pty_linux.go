package screen

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Session is a program that runs in a terminal of its own.
type Session struct {
	Screen *Screen
	// Keyboard is what is typed.
	Keyboard io.Writer

	cmd         *exec.Cmd
	master, tty *os.File
	drawn       chan struct{}
}

// Start runs cmd with standard input, output and error on a new terminal
// of the screen's size, which is its controlling terminal. Where cmd has a Stdin,
// Stdout or Stderr already, that is left alone.
func Start(cmd *exec.Cmd, s *Screen) (*Session, error) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("no pseudo terminal: %w", err)
	}
	tty, err := slave(master, s)
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("no pseudo terminal: %w", err)
	}
	if cmd.Stdin == nil {
		cmd.Stdin = tty
	}
	if cmd.Stdout == nil {
		cmd.Stdout = tty
	}
	if cmd.Stderr == nil {
		cmd.Stderr = tty
	}
	cmd.ExtraFiles = []*os.File{tty}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 3}
	if err := cmd.Start(); err != nil {
		master.Close()
		tty.Close()
		return nil, err
	}
	p := &Session{Screen: s, Keyboard: master, cmd: cmd, master: master, tty: tty, drawn: make(chan struct{})}
	go func() {
		defer close(p.drawn)
		_, _ = io.Copy(s, master) // ends with an error when the last user of the terminal is gone
	}()
	return p, nil
}

// slave opens the other end of the terminal.
func slave(master *os.File, s *Screen) (*os.File, error) {
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(s.h), Col: uint16(s.w)})
	}
	if err != nil {
		return nil, err
	}
	return os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
}

// Mode returns the terminal's settings, to see whether they were left as they were.
func (p *Session) Mode() (unix.Termios, error) {
	t, err := unix.IoctlGetTermios(int(p.tty.Fd()), unix.TCGETS)
	if err != nil {
		return unix.Termios{}, err
	}
	return *t, nil
}

// Wait returns what the program ended with, once all it wrote is on the screen.
func (p *Session) Wait() error {
	err := p.cmd.Wait()
	p.tty.Close()
	<-p.drawn
	p.master.Close()
	return err
}

// Signal sends the program a signal.
func (p *Session) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }
