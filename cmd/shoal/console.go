package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"shoal/internal/config"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/rpc"
	"shoal/tui"
	"shoal/tui/theme"
)

// The rules of speech. Results go to standard output and are all that is there.
// Notes, errors, progress and the log go to standard error; notes and
// errors begin with "shoal: ", in lower case, without a full stop, and an error
// says what failed, on which file or torrent, and what to do next. With --json
// standard output has one JSON object a line, with "v":1 and a "type", errors
// included. Foreign text is cleaned here or before; secrets are masked on standard error and in the log, not in results.

// console is the program's one voice. Its methods may be called from any goroutine.
type console struct {
	stdin  io.Reader
	stdout *results
	stderr io.Writer

	json      bool
	quiet     bool
	verbose   int
	color     string
	ascii     bool
	logFile   string
	logFormat string
	logLevel  string // of the configuration: auto, warn, info or debug; "" is auto

	configFile string            // --config
	profile    string            // --profile
	typed      map[string]string // flags of the command line that are keys of the configuration
	cfg        *config.Config    // of a command that heeds it

	cells   int         // how wide tables may be where standard output is no terminal; 0 for no bound
	steered *rpc.Client // the daemon that commands steer which name none; nil: they look for one

	mu     sync.Mutex
	live   *tui.Live // draws on stderr now
	later  []byte    // results that wait for its end
	howFar func()    // tells how far the command is; nil: there is nothing to tell
	hungUp func()    // what HUP does instead of ending the command; nil: it ends it

	telling sync.Mutex           // held while a progress event is chosen and printed
	ended   map[metainfo.ID]bool // of which no progress is told any more
}

func newConsole(stdin io.Reader, stdout, stderr io.Writer) *console {
	return &console{stdin: stdin, stdout: &results{w: stdout}, stderr: stderr, ended: map[metainfo.ID]bool{}}
}

// register adds the flags that every command has.
func (c *console) register(f *pflag.FlagSet) {
	f.BoolVar(&c.json, "json", false, "print JSON, one object a line, on standard output")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "print results and errors only")
	f.CountVarP(&c.verbose, "verbose", "v", "log more; twice: everything")
	f.StringVar(&c.color, "color", "auto", "auto, always or never")
	f.BoolVar(&c.ascii, "ascii", false, "draw with ASCII characters only")
	f.StringVar(&c.logFile, "log-file", "", "append the log to `FILE` instead of standard error")
	f.StringVar(&c.logFormat, "log-format", "text", "text or json")
	f.StringVar(&c.configFile, "config", "", "read the configuration from `FILE`")
	f.StringVar(&c.profile, "profile", "", "put what the configuration has under `NAME` over the rest of it")
}

// check looks at the values of those flags.
func (c *console) check() error {
	if err := oneOf("--color", c.color, "auto", "always", "never"); err != nil {
		return err
	}
	return oneOf("--log-format", c.logFormat, "text", "json")
}

// Result prints a line of result; with --json it is left to Event.
func (c *console) Result(format string, args ...any) {
	if !c.json {
		c.line(c.stdout, fmt.Sprintf(format, args...))
	}
}

// Note tells a person something in passing.
func (c *console) Note(format string, args ...any) {
	if !c.quiet && !c.json {
		c.line(c.stderr, "shoal: "+shown(fmt.Sprintf(format, args...)))
	}
}

// Warn tells a person something that needs attention, also with --quiet.
func (c *console) Warn(format string, args ...any) {
	c.line(c.stderr, "shoal: "+shown(fmt.Sprintf(format, args...)))
}

// Error reports err; about is the source that it is about, "" for the whole run.
func (c *console) Error(about string, err error) {
	var told reported
	if errors.As(err, &told) {
		return
	}
	if c.json && c.stdout.lost() == nil {
		c.Event(errorEvent{event: newEvent("error"), Source: about, Code: codeOf(err), Message: shown(err.Error())})
		return
	}
	if about != "" {
		about = label(about) + ": "
	}
	c.line(c.stderr, "shoal: "+shown(about+err.Error()))
}

// shown is what may be said aloud: standard error is often a log that others read.
func shown(s string) string { return text.Clean(text.Mask(s), 0) }

// label is how a source is called in a sentence: itself, or the name or hash of a magnet link, which may be long.
func label(source string) string {
	m, err := metainfo.ParseMagnet(source)
	if err != nil {
		return source
	}
	if m.Name != "" {
		return text.Clean(m.Name, 60)
	}
	return m.ID.String()
}

// Event prints a JSON line when --json was given.
func (c *console) Event(v any) {
	if c.json {
		c.eventTo(c.stdout, v)
	}
}

// eventTo prints a JSON line on w.
func (c *console) eventTo(w io.Writer, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Appendf(nil, `{"v":1,"type":"error","code":1,"message":%q}`, err.Error())
	}
	c.line(w, escaped(b))
}

// escaped writes the characters of a JSON text that could steer a terminal as \u sequences, which mean
// the same to every program.
func escaped(b []byte) string {
	var out strings.Builder
	for _, r := range string(b) {
		if r < 0x7f || text.Clean(string(r), 0) == string(r) {
			out.WriteRune(r)
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, u)
		}
	}
	return out.String()
}

// line writes one line to where it belongs. While progress is drawn, lines on standard error go
// above it, and results for the same terminal wait until it is finished.
func (c *console) line(w io.Writer, s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.live != nil && w == c.stderr:
		w = c.live
	case c.live != nil && isTerminal(w):
		c.later = append(c.later, s+"\n"...)
		return
	}
	_, _ = io.WriteString(w, s+"\n")
}

// drawing tells the console which progress is on the terminal, nil for none.
func (c *console) drawing(l *tui.Live) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live = l; l == nil {
		_, _ = c.stdout.Write(c.later)
		c.later = nil
	}
}

// interrupted begins a fresh line after the ^C that a terminal shows. Progress that is drawn overwrites it.
func (c *console) interrupted() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil && isTerminal(c.stderr) {
		_, _ = io.WriteString(c.stderr, "\n")
	}
}

// answer sets what tells how far the command is.
func (c *console) answer(tell func()) {
	c.mu.Lock()
	c.howFar = tell
	c.mu.Unlock()
}

// onHangup sets what HUP does instead of ending the command. It may not wait for anything.
func (c *console) onHangup(f func()) {
	c.mu.Lock()
	c.hungUp = f
	c.mu.Unlock()
}

// hangup does that, and reports whether there was anything to do.
func (c *console) hangup() bool {
	c.mu.Lock()
	f := c.hungUp
	c.mu.Unlock()
	if f != nil {
		f()
	}
	return f != nil
}

// asked tells how far the command is.
func (c *console) asked() {
	c.mu.Lock()
	tell := c.howFar
	c.mu.Unlock()
	if tell != nil {
		tell()
	}
}

// style says what the terminal at standard error can show.
func (c *console) style() tui.Style {
	_, plain := lookupEnv("NO_COLOR")
	color := !plain && os.Getenv("TERM") != "dumb" && isTerminal(c.stderr)
	if c.color != "auto" {
		color = c.color == "always"
	}
	return tui.Style{Color: color, ASCII: c.ascii || !theme.Unicode(os.Getenv)}
}

// level is what is logged: as -v says, else the configuration, else warnings, and more into a file.
func (c *console) level() slog.Level {
	switch {
	case c.verbose > 1, c.verbose == 0 && c.logLevel == "debug":
		return slog.LevelDebug
	case c.verbose == 1, c.logLevel == "info", c.logFile != "" && c.logLevel != "warn":
		return slog.LevelInfo
	}
	return slog.LevelWarn
}

// logger returns the log and what closes it. Where only warnings are wanted and no file, a person
// gets them in plain words; errors of torrents are left to the commands, which hear of them anyway.
func (c *console) logger() (*slog.Logger, func(), error) {
	level := c.level()
	if c.logFile == "" && level == slog.LevelWarn {
		return slog.New(text.NewHandler(warnings{c})), func() {}, nil
	}
	opt := &slog.HandlerOptions{Level: level}
	var w io.Writer = lineWriter{c}
	done := func() {}
	if c.logFile != "" {
		f, err := os.OpenFile(c.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, nil, fmt.Errorf("log file: %w", err)
		}
		w, done = f, func() { _ = f.Close() }
	}
	var h slog.Handler = slog.NewTextHandler(w, opt)
	if c.logFormat == "json" {
		h = slog.NewJSONHandler(w, opt)
	}
	return slog.New(text.NewHandler(h)), done, nil
}

// warnings is a slog.Handler that tells a person about warnings: the message and its cause.
type warnings struct{ c *console }

func (w warnings) Enabled(_ context.Context, l slog.Level) bool {
	return l == slog.LevelWarn && !w.c.quiet
}
func (w warnings) WithAttrs([]slog.Attr) slog.Handler { return w }
func (w warnings) WithGroup(string) slog.Handler      { return w }

func (w warnings) Handle(_ context.Context, r slog.Record) error {
	words := r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "torrent" {
			words += ": " + a.Value.String()
		}
		return true
	})
	w.c.Warn("warning: %s", words)
	return nil
}

// lineWriter takes the log's lines to the console.
type lineWriter struct{ c *console }

func (l lineWriter) Write(b []byte) (int, error) {
	l.c.line(l.c.stderr, strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}

// reported marks an error that the user has been told about already; it only
// carries the exit code.
type reported struct{ error }

// event is what every JSON line begins with.
type event struct {
	V    int       `json:"v"`
	Type string    `json:"type"`
	Time time.Time `json:"time"`
}

func newEvent(kind string) event { return event{V: 1, Type: kind, Time: time.Now().UTC()} }

type errorEvent struct {
	event
	Source  string `json:"source,omitempty"`
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	if r, ok := w.(*results); ok {
		w = r.w
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// lookupEnv is os.LookupEnv that takes an empty variable for none.
func lookupEnv(name string) (string, bool) {
	v, ok := os.LookupEnv(name)
	return v, ok && v != ""
}

// oneOf checks the value of a flag that has a fixed choice.
func oneOf(flag, value string, choice ...string) error {
	for _, c := range choice {
		if value == c {
			return nil
		}
	}
	return withCode(exitUsage, fmt.Errorf("%s %q: choose one of %s", flag, value, strings.Join(choice, ", ")))
}
