"""An agent that knows nothing of Sparring: OpenAI's SDK, a conversation, one line in and one line out.

python examples/openai_agent.py   (started by `sparring play KuhnPoker --agents ...`, see docs/capture.md)
"""

import json
import os
import sys

from openai import OpenAI

client = OpenAI()  # OPENAI_BASE_URL and OPENAI_API_KEY say where and as whom
messages = [{"role": "system", "content": "You play a game. Answer with your action, and nothing else."}]
for line in sys.stdin:
    seen = json.loads(line)
    options = seen["legal_actions"] or seen["suggested_actions"] or []
    messages.append({"role": "user", "content": f"{seen['text']}\nYou may: {', '.join(options)}"})
    answer = client.chat.completions.create(model=os.environ["OPENAI_MODEL"], messages=messages, max_tokens=12)
    said = answer.choices[0].message.content
    messages.append({"role": "assistant", "content": said})
    named = [option for option in options if option in said] or options[len(said) % max(1, len(options)) :] or [said]
    print(json.dumps({"action": named[0]}), flush=True)
