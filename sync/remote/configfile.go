package remote

import (
	"os/user"
	"strings"

	"github.com/kevinburke/ssh_config"

	"smd-applet/sync/fault"
)

// withoutSSH are the options read where no ssh tells them, with the values
// OpenSSH has for them when nothing is set; nil where it has none.
var withoutSSH = map[string][]string{
	"Port":                  {"22"},
	"IdentityFile":          {"~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519"},
	"UserKnownHostsFile":    {"~/.ssh/known_hosts ~/.ssh/known_hosts2"},
	"GlobalKnownHostsFile":  {"/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"},
	"StrictHostKeyChecking": {"ask"},
	"HostName":              nil, "User": nil, "IdentitiesOnly": nil, "IdentityAgent": nil, "CertificateFile": nil,
	"HostKeyAlias": nil, "HostKeyAlgorithms": nil, "HashKnownHosts": nil, "ConnectTimeout": nil, "ServerAliveInterval": nil,
	"ProxyJump": nil, "ProxyCommand": nil, "PKCS11Provider": nil,
}

// readOptions reads ~/.ssh/config and the system's, which has to do where there
// is no ssh.
func readOptions(alias string) (options, error) {
	settings := &ssh_config.UserSettings{}
	settings.ConfigFinder(func() string { return expandHome("~/.ssh/config") })
	login, host, hasLogin := strings.Cut(alias, "@")
	if !hasLogin {
		host = alias
	}
	o := options{"host": {host}}
	for key, otherwise := range withoutSSH {
		values, err := settings.GetAllStrict(host, key)
		if err != nil {
			return nil, &fault.Error{
				Kind: fault.Config, Op: "read the ssh configuration of", Path: host, Err: err,
				Hint: "correct ~/.ssh/config, or install ssh (Debian: openssh-client), which reads all of it",
			}
		}
		if len(values) == 0 || len(values) == 1 && (values[0] == "" || values[0] == ssh_config.Default(key)) {
			values = otherwise
		}
		if values != nil {
			o[strings.ToLower(key)] = values
		}
	}
	if name := o.get("hostname"); name != "" {
		o["hostname"] = []string{strings.ReplaceAll(name, "%h", host)}
	} else {
		o["hostname"] = []string{host}
	}
	if hasLogin {
		o["user"] = []string{login}
	} else if o.get("user") == "" {
		me, err := user.Current()
		if err != nil {
			return nil, fault.New(fault.Config, "find the user's name for", host, err)
		}
		o["user"] = []string{me.Username}
	}
	return o, nil
}
