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

# Sets next to what may stand after the words of verb, and options to those of the verb, both as the help has
# them: a word of a verb, POOL, POOL/INSTANCE, N|default, FILE.
__sluicectl_look_up() {
	local synopsis words word i
	next=() options=()
	while IFS= read -r synopsis; do
		read -ra words <<<"${synopsis%% -*}"
		for ((i = 0; i < ${#verb[@]}; i++)); do
			[[ ${words[i]:-} == [[:upper:]]* || ${words[i]:-} == "${verb[i]}" ]] || continue 2
		done
		next+=("${words[i]:-}")
		read -ra words <<<"${synopsis//|/ }"
		for word in "${words[@]}"; do
			[[ $word != -* ]] || options+=("$word")
		done
	done < <(sluicectl -h 2>/dev/null | sed -n '/^Verbs:/,$s/^  \([a-z]\)/\1/p' | tr -d '[]')
}

__sluicectl_arguments() {
	local current=$1
	case ${next[0]:-} in
	POOL)
		__sluicectl_reply "$(__sluicectl_ask "$dir" '.pools[].name')" "$current"
		;;
	NAME | NAME...)
		__sluicectl_reply "$(__sluicectl_ask "$dir" '.services[].name')" "$current"
		;;
	POOL/INSTANCE)
		# shellcheck disable=SC2016 # jq's variable
		__sluicectl_reply "$(__sluicectl_ask "$dir" \
			'.pools[] | .name as $p | .instances[] | "\($p)/\(.name)"')" "$current"
		;;
	FILE)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
		;;
	*"|"*) __sluicectl_reply "${next[0]#*|}" "$current" ;;
	[[:upper:]]*) ;;
	*) __sluicectl_reply "${next[*]}" "$current" ;;
	esac
}

_sluicectl() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local dir="" verb=() next=() options=()

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
	--wait | --since | --older)
		__sluicectl_reply "30s 5m 1h" "$current"
		return
		;;
	-c | --config | -w | --write | --node) next=(FILE) ;;
	--instance | --object) next=(POOL/INSTANCE) ;;
	--reason)
		__sluicectl_reply "$(timeout 1 sluicectl ${dir:+-r "$dir"} -o json drops 2>/dev/null | timeout 1 jq -r '.drops[].reason' 2>/dev/null)" "$current"
		return
		;;
	esac
	if ((${#next[@]})); then
		__sluicectl_arguments "$current"
		return
	fi
	__sluicectl_look_up
	if [[ $current == -* ]]; then
		__sluicectl_reply "-r -o -h -V --run-dir --output --help --version ${verb[0]:+${options[*]}}" "$current"
	else
		__sluicectl_arguments "$current"
	fi
}

complete -F _sluicectl sluicectl
