# SPDX-License-Identifier: BSD-3-Clause
# bash completion of sluicectl; to be installed as /usr/share/bash-completion/completions/sluicectl
# shellcheck shell=bash

# Ask the daemon that the command line names; a silent one must not block the shell.
__sluicectl_ask() {
	local dir=$1
	shift
	timeout 1 sluicectl ${dir:+-r "$dir"} -o json status 2>/dev/null | timeout 1 jq -r "$@" 2>/dev/null
}

__sluicectl_reply() {
	local word
	COMPREPLY=()
	while IFS= read -r word; do
		COMPREPLY+=("$word")
	done < <(compgen -W "$1" -- "$2")
}

# Sets dir, and verb to the words that are neither options nor their values.
__sluicectl_scan() {
	local i
	verb=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-r | --run-dir)
			dir=${COMP_WORDS[i + 1]}
			((i++))
			;;
		-o | --output) ((i++)) ;;
		-*) ;;
		*) verb+=("${COMP_WORDS[i]}") ;;
		esac
	done
}

__sluicectl_arguments() {
	local current=$1
	case "${verb[0]} ${#verb[@]}" in
	"status 1")
		__sluicectl_reply "$(__sluicectl_ask "$dir" '.pools[].name')" "$current"
		;;
	"drain 1" | "maint 1" | "resume 1" | "weight 1")
		# shellcheck disable=SC2016 # jq's variable
		__sluicectl_reply "$(__sluicectl_ask "$dir" \
			'.pools[] | .name as $p | .instances[] | "\($p)/\(.name)"')" "$current"
		;;
	"weight 2") __sluicectl_reply default "$current" ;;
	"config 1") __sluicectl_reply "check diff apply" "$current" ;;
	"config 2")
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	esac
}

_sluicectl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local dir="" verb=()

	COMPREPLY=()
	__sluicectl_scan
	case $previous in
	-r | --run-dir)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -d -- "$current")
		return
		;;
	-o | --output)
		__sluicectl_reply "table json" "$current"
		return
		;;
	--wait)
		__sluicectl_reply "30s 5m 1h" "$current"
		return
		;;
	esac
	if [[ $current == -* ]]; then
		case ${verb[0]} in
		drain) __sluicectl_reply "-r -o -h --run-dir --output --help --wait" "$current" ;;
		config) __sluicectl_reply "-r -o -h --run-dir --output --help --force" "$current" ;;
		*) __sluicectl_reply "-r -o -h -V --run-dir --output --help --version" "$current" ;;
		esac
	elif ((${#verb[@]} == 0)); then
		__sluicectl_reply "status drain maint resume weight drops config" "$current"
	else
		__sluicectl_arguments "$current"
	fi
}

complete -F _sluicectl sluicectl
