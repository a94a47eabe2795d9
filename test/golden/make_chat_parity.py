"""What `transformers` makes of conversations with chat templates like those of real checkpoints, for
test/src/data/chat_template_test.ts.

python make_chat_parity.py chat_parity.json
Writes the file anew. Needs the packages `transformers` and `jinja2`.
"""
import json
import sys

import tokenizers
import transformers

TEMPLATES = {
    # Zephyr's constructs: a loop with branches, the end token after each message, newlines that blocks leave.
    "branches": """{% for message in messages %}
{% if message['role'] == 'system' %}
{{ '<|system|>\\n' + message['content'] + eos_token }}
{% elif message['role'] == 'user' %}
{{ '<|user|>\\n' + message['content'] + eos_token }}
{% else %}
{{ '<|assistant|>\\n' + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}""",
    # Llama 2's: a system message folded into the first turn, roles that must alternate, `strip`, a slice, `loop.index0`.
    "alternating": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}\
{% else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}{% for message in loop_messages %}\
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns: user, assistant, user') }}{% endif %}\
{% if loop.index0 == 0 and system is not false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}\
{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}\
{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}""",
    # Llama 3's: namespaces, whitespace control, `is defined`, macros, a date that is not asked for.
    "headers": """{{- bos_token }}
{%- macro head(role) -%}<|start|>{{ role }}<|end|>{%- endmacro %}
{%- set state = namespace(turns=0) %}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if tools is not none and tools %}{{- raise_exception("no tools") }}{%- endif %}
{%- for message in messages %}
    {%- set state.turns = state.turns + 1 %}
    {{- head(message.role) + "\\n\\n" }}
    {%- if loop.first and message.role == "system" %}{{- "Today: " ~ date_string ~ "\\n" }}{%- endif %}
    {{- message.content | trim }}<|eot|>
{%- endfor %}
{%- if add_generation_prompt %}{{- head("assistant") + "\\n\\n" }}{%- endif %}""",
}
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}
CONVERSATIONS = [
    [("user", "Which boat is fast?"), ("assistant", "The Red Otter.")],
    [("system", "Be short.\n"), ("user", "  Hello \u00e9\U0001f642 "), ("assistant", "Hi!\n\nWhich island?")],
    [("user", "a < b & c"), ("assistant", "'quoted' \"twice\""), ("user", "{{ messages }}"), ("assistant", "{% raw %}")],
]


def main() -> None:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(tokenizers.models.BPE()), **SPECIAL)
    cases = []
    for name, template in TEMPLATES.items():
        for turns in CONVERSATIONS:
            messages = [{"role": role, "content": content} for role, content in turns]
            for given, prompt in [(messages, False), (messages[:-1], True)]:
                text = tokenizer.apply_chat_template(
                    given, chat_template=template, tokenize=False, add_generation_prompt=prompt)
                cases.append({"template": name, "messages": given, "addGenerationPrompt": prompt, "text": text})
    made = {"script": "make_chat_parity.py", "transformers": transformers.__version__}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"made": made, "templates": TEMPLATES, "cases": cases}, file, ensure_ascii=True, indent=1)
        file.write("\n")


main()
