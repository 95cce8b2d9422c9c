"""minigan doctor: what minigan runs on, and what could be better."""


def add_to(commands):
    parser = commands.add_parser("doctor", help="what minigan runs on, and what could be better")
    parser.set_defaults(command=_doctor)
    return parser


def _doctor(arguments):
    from minigan import doctor

    print("\n".join(doctor.report()))
    return 0
