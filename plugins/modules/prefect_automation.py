#!/usr/bin/python
# Copyright: (c) 2026, Hotpass maintainers
# GNU General Public License v3.0+ (see LICENSES or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prefect_automation
short_description: Manage Prefect automations
version_added: 0.1.0
description:
  - Creates, changes and deletes automations. Only the options that are given are compared and changed.
  - Triggers and actions are compared by what they mean. The order of sets, the ids of triggers and defaults that the
    server fills in are no difference.
  - A key that Prefect does not know is refused, because the server would drop it without a word.
  - Automations have no unique names in Prefect. The module fails when several carry the name.
author:
  - Hotpass maintainers (@hotpass)
options:
  name:
    description: Name of the automation.
    type: str
    required: true
  description:
    description: What the automation is for.
    type: str
  enabled:
    description:
      - Whether the automation works.
      - Left alone when not given, so that switching it off in the user interface survives.
    type: bool
  trigger:
    description:
      - When the automation works, in Prefect's own form, with C(type) V(event), V(compound) or V(sequence).
      - Times are numbers of seconds.
      - Needed to create an automation.
    type: dict
  actions:
    description:
      - What is done each time the trigger fires, in Prefect's own form.
      - Needed to create an automation. The list may be empty.
      - Prefect keeps and shows actions in clear. Secrets belong into the block that an action names.
      - Texts with double braces are filled in by Prefect. Read them from a file, or tag them C(!unsafe), so that
        Ansible does not.
    type: list
    elements: dict
  actions_on_trigger:
    description: What is done when the automation goes into its triggered state.
    type: list
    elements: dict
  actions_on_resolve:
    description: What is done when the automation leaves its triggered state.
    type: list
    elements: dict
  tags:
    description: Tags of the automation; all of them, others are taken away.
    type: list
    elements: str
  state:
    description: Whether the automation is there.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - hotpass.prefect.prefect
  - hotpass.prefect.prefect.actiongroup
  - hotpass.prefect.prefect.attributes
"""

EXAMPLES = r"""
- name: Start a deployment after each promotion of ring dev
  hotpass.prefect.prefect_automation:
    api_url: http://127.0.0.1:4200/api
    name: after a promotion
    trigger:
      type: event
      posture: Reactive
      match:
        prefect.resource.id: hotpass.ring.dev
      expect: [hotpass.ring.active]
    actions:
      - type: run-deployment
        deployment_id: 3b0e6b36-23a5-4b30-93c3-0d2cbf7c2f0b

- name: Tell somebody; Prefect fills the braces in
  hotpass.prefect.prefect_automation:
    name: promotion failed
    trigger:
      type: event
      posture: Reactive
      expect: [hotpass.ring.failed, hotpass.ring.rollback-failed]
    actions:
      - type: send-notification
        block_document_id: 7e2085ce-2901-4695-9121-fe72b6c2e9f1
        subject: Promotion failed
        body: !unsafe "{{ event.resource.name }}: {{ event.event }}"

- name: Switch it off
  hotpass.prefect.prefect_automation:
    name: promotion failed
    enabled: false

- name: No such automation
  hotpass.prefect.prefect_automation:
    name: promotion failed
    state: absent
"""

RETURN = r"""
automation:
  description: The automation as it is afterwards, with secrets hidden; null when it is absent.
  returned: success
  type: dict
  contains:
    id:
      description: The server's id; null where check mode predicts a new one.
      type: str
    name:
      description: The name.
      type: str
    description:
      description: What the automation is for.
      type: str
    enabled:
      description: Whether the automation works.
      type: bool
    tags:
      description: Its tags, sorted.
      type: list
      elements: str
    trigger:
      description: When it works, with the server's defaults and without the ids of triggers.
      type: dict
    actions:
      description: What is done each time the trigger fires.
      type: list
      elements: dict
    actions_on_trigger:
      description: What is done when it goes into its triggered state.
      type: list
      elements: dict
    actions_on_resolve:
      description: What is done when it leaves its triggered state.
      type: list
      elements: dict
    created:
      description: When it was created.
      type: str
    updated:
      description: When it was last changed.
      type: str
"""

from ansible_collections.hotpass.prefect.plugins.module_utils.module_door import run_module
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect import automations
from ansible_collections.hotpass.prefect.plugins.module_utils.prefect.connection import CONNECTION_SPEC
from ansible_collections.hotpass.prefect.plugins.module_utils.room import Operation, Spec

SPEC = CONNECTION_SPEC + Spec(
    options={
        "name": {"type": "str", "required": True},
        "description": {"type": "str"},
        "enabled": {"type": "bool"},
        "trigger": {"type": "dict"},
        "actions": {"type": "list", "elements": "dict"},
        "actions_on_trigger": {"type": "list", "elements": "dict"},
        "actions_on_resolve": {"type": "list", "elements": "dict"},
        "tags": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
)

OPERATION = Operation(spec=SPEC, run=automations.ensure)


def main() -> None:
    """The module's entry point."""
    run_module(OPERATION)


if __name__ == "__main__":
    main()
