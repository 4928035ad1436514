package main

import (
	"github.com/spf13/cobra"
)

func newCompletion(*console) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a completion script for your shell",
		Long: `Prints a script that completes the commands, flags and file names of shoal
when you press Tab.`,
		Example: `  source <(shoal completion bash)                                      bash, now
  shoal completion bash > /etc/bash_completion.d/shoal                 bash, for everyone
  shoal completion zsh > "${fpath[1]}/_shoal"                          zsh
  shoal completion fish > ~/.config/fish/completions/shoal.fish        fish
  shoal completion powershell | Out-String | Invoke-Expression         PowerShell`,
		ValidArgs:             []string{"bash", "zsh", "fish", "powershell"},
		Args:                  cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(out)
			}
		},
	}
}

// torrentFiles completes arguments with folders and files that end in .torrent.
func torrentFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"torrent"}, cobra.ShellCompDirectiveFilterFileExt
}

// choices completes a flag with fixed words.
func choices(cmd *cobra.Command, flag string, words ...string) {
	complete(cmd, flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// complete completes a flag with what offers says.
func complete(cmd *cobra.Command, flag string, offers cobra.CompletionFunc) {
	// It fails only for a flag that does not exist or was done before.
	if err := cmd.RegisterFlagCompletionFunc(flag, offers); err != nil {
		panic(err)
	}
}
