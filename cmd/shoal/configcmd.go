package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/internal/text"
)

func newConfig(con *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write, check and show the configuration file",
		Long: `What is always the same may stand in a configuration file: rates, folders, ports,
and everything that only a daemon needs. shoal needs none.

A flag goes before a variable of the environment, that before the file, and that
before the default. --profile NAME puts the tables below [profile.NAME] over the
others. All keys are in docs/configuration.md, and in the file that init writes.`,
		Example: `  shoal config init                       a file with every key in a comment
  shoal config check                      what is wrong with it, by line
  shoal config show                       what is in force, and why
  shoal config show limits --profile home
  $EDITOR "$(shoal config path)"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.SuggestionsMinimumDistance = 2
	cmd.AddCommand(newConfigPath(con), newConfigInit(con), newConfigCheck(con), newConfigShow(con), newConfigPassword(con))
	return cmd
}

// configEvent is the JSON line of `config path` and `config init`.
type configEvent struct {
	event
	File   string `json:"file"`
	Exists bool   `json:"exists"`
}

func newConfigPath(con *console) *cobra.Command {
	return &cobra.Command{
		Use:     "path",
		Short:   "Print where the configuration file is",
		Long:    "Prints where the configuration file is, or would be: --config, else config.toml in $CONFIGURATION_DIRECTORY, in $XDG_CONFIG_HOME/shoal, or in ~/.config/shoal.",
		Example: "  shoal config path\n  $EDITOR \"$(shoal config path)\"",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, _, err := con.configPath()
			if err != nil {
				return err
			}
			_, err = os.Stat(path)
			con.Result("%s", text.Clean(path, 0))
			con.Event(configEvent{newEvent("config"), path, err == nil})
			return nil
		},
	}
}

func newConfigInit(con *console) *cobra.Command {
	force := false
	cmd := &cobra.Command{
		Use:     "init",
		Short:   "Write a configuration file with every key in a comment",
		Long:    "Writes a configuration file that changes nothing: every key is there with its default, in a comment. A file that is there already is left alone, unless --force is given.",
		Example: "  shoal config init\n  shoal config init --config ./shoal.toml\n  shoal config init --force              start over",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, _, err := con.configPath()
			if err != nil {
				return err
			}
			if err := writeSample(path, force); err != nil {
				return err
			}
			con.Result("%s", text.Clean(path, 0))
			con.Event(configEvent{newEvent("config"), path, true})
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "write over an existing file")
	return cmd
}

// writeSample writes the sample file, which only its owner may read: passkeys may come into it.
func writeSample(path string, force bool) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	create := func() (*os.File, error) { return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) }
	if force {
		create = func() (*os.File, error) { return os.CreateTemp(dir, ".config-*") }
	}
	f, err := create()
	if errors.Is(err, fs.ErrExist) {
		return withCode(exitExists, fmt.Errorf("%s is there already: edit it, or write over it with --force", path))
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(config.Sample())
	err = errors.Join(err, f.Close())
	if err == nil && force {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// problemEvent is the JSON line of something that is wrong with the configuration.
type problemEvent struct {
	event
	Level   string `json:"level"` // error or warning
	Where   string `json:"where"` // FILE:LINE, or a variable of the environment
	Line    int    `json:"line,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
}

// configCheckedEvent is the last JSON line of `config check`.
type configCheckedEvent struct {
	event
	File     string `json:"file,omitempty"`
	OK       bool   `json:"ok"`
	Errors   int    `json:"errors"`
	Warnings int    `json:"warnings"`
}

func newConfigCheck(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Tell what is wrong with the configuration, by line",
		Long: `Reads the configuration file, all of its profiles, and the environment, and prints
what is wrong, one a line. The exit code is 2 when there is an error; warnings
alone do not change it.`,
		Example: "  shoal config check\n  shoal config check --config /etc/shoal/config.toml --profile server\n  shoal config check --json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return checkConfig(con) },
	}
}

func checkConfig(con *console) error {
	cfg, warnings, err := con.readConfig()
	list, several := errors.AsType[config.Errors](err)
	if err != nil && !several {
		return err
	}
	if err == nil {
		if list = screenProblems(cfg); len(list) > 0 {
			err = list
		}
	}
	tell := func(level string, p config.Problem) {
		word := ""
		if level == "warning" {
			word = "warning: "
		}
		con.Result("%s", text.Clean(text.Mask(p.Where+": "+word+p.Message), 0))
		con.Event(problemEvent{newEvent("problem"), level, p.Where, p.Line, p.Key, text.Mask(p.Message)})
	}
	for _, p := range list {
		tell("error", p)
	}
	for _, w := range warnings {
		tell("warning", w)
	}
	path, _, pathErr := con.configPath()
	if pathErr != nil || cfg != nil && cfg.Path == "" {
		path = ""
	}
	con.Event(configCheckedEvent{newEvent("done"), path, err == nil, len(list), len(warnings)})
	switch {
	case err != nil:
		return withCode(exitUsage, reported{err})
	case path == "":
		con.Note("there is no configuration file: the defaults are in force; `shoal config init` writes one")
	default:
		con.Note("%s has no errors", path)
	}
	return nil
}

// settingEvent is the JSON line of one key.
type settingEvent struct {
	event
	Key     string `json:"key"`
	Value   string `json:"value"` // as TOML
	Origin  string `json:"origin"`
	Default string `json:"default"`
	Heeded  string `json:"heeded"`
}

func newConfigShow(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "show [KEY|SECTION]",
		Short: "Show what is in force, and where each value comes from",
		Long: `Prints every key with the value that is in force, as in the file, and where that
comes from: default, FILE:LINE or environment NAME. Of URLs the parts that may be
secrets are hidden.`,
		Example: "  shoal config show\n  shoal config show limits\n  shoal config show network.listen --json",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []cobra.Completion, _ cobra.ShellCompDirective) {
			for i := range config.Keys {
				if len(args) == 0 {
					names = append(names, cobra.CompletionWithDesc(config.Keys[i].Name, config.Keys[i].Says))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		Annotations: map[string]string{configured: ""},
		RunE: func(_ *cobra.Command, args []string) error {
			return showConfig(con, strings.Join(args, ""))
		},
	}
}

func showConfig(con *console, what string) error {
	shown := false
	for _, s := range con.cfg.Show() {
		if what != "" && what != s.Key.Name && what != s.Key.Section() {
			continue
		}
		shown = true
		con.Result("%s", text.Clean(fmt.Sprintf("%s = %s  # %s", s.Key.Name, s.Value, s.Origin), 0))
		con.Event(settingEvent{newEvent("setting"), s.Key.Name, s.Value, s.Origin, s.Key.Fallback(), s.Key.Heeded()})
	}
	if !shown {
		return withCode(exitUsage, config.Unknown(what))
	}
	return nil
}
