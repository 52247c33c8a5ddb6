// Package config reads what SMD's users have: ~/.smd/config.ENDPOINT, a shell
// script of assignments, and ~/.smd/loop (smd 1.3, spec §6). Missing files are
// written as commented templates; errors name the file, the line and the way out.
package config
